// Who still asks a policy that has something to end: requests, layer-4 connections, and listeners that are on their way out.
//
// Part of a policy at work that has `dispose`, and of its chains; other policies have none, and nothing is counted for them.
// Owns the count. When the policy is left by all is its maker's affair (control/policies.ts), as is what ends then.

export class PolicyLife {
  private users = 0;
  private dispose: (() => void) | undefined = undefined;

  enter(): void {
    this.users++;
  }

  leave(): void {
    if (--this.users === 0) this.endNow();
  }

  /** Nobody begins under it any more: `dispose` is called once, as soon as the last has left. */
  end(dispose: () => void): void {
    this.dispose = dispose;
    if (this.users === 0) this.endNow();
  }

  /** It ends, whoever is there still; nothing where it may go on or has ended. */
  endNow(): void {
    const { dispose } = this;
    this.dispose = undefined;
    dispose?.();
  }
}
