// What waits for the next look at the sockets: things that are better done when what is on the way has come.
//
// One turn of the event loop later for all who ask, and no timer: where little is going on that is at once, where much is
// it is as long as everything that came first takes. Owns the queue; never who stands in it.

/** Waits for its turn; called once for each time that it asked. */
export interface TurnWaiter {
  onTurn(): void;
}

let waiting: Array<TurnWaiter> = [];

const look = (): void => {
  // Immediates run before the sockets are looked at, those that they ask for after it.
  setImmediate(serve);
};

const serve = (): void => {
  const turn = waiting;
  waiting = [];
  let index = 0;
  try {
    while (index < turn.length) (turn[index++] as TurnWaiter).onTurn();
  } finally {
    // One that throws must not take the others' turn away.
    if (index < turn.length) {
      waiting = [...turn.slice(index), ...waiting];
      setImmediate(serve);
    }
  }
};

/** Calls `waiter` when the sockets have been looked at once more. */
export const awaitTurn = (waiter: TurnWaiter): void => {
  if (waiting.push(waiter) === 1) setImmediate(look);
};
