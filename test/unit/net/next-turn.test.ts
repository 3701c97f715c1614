// Whoever asked for a turn gets it, once, also when another one fails at its own.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { awaitTurn } from "../../../src/net/next-turn.ts";

test("everyone who asked is called once, in order, those who ask meanwhile at the next turn", async () => {
  const called: Array<string> = [];
  await new Promise<void>((done) => {
    awaitTurn({ onTurn: () => called.push("a") });
    awaitTurn({
      onTurn: () => {
        called.push("b");
        awaitTurn({
          onTurn: () => {
            called.push("d");
            done();
          },
        });
      },
    });
    awaitTurn({ onTurn: () => called.push("c") });
  });
  expect(called).toEqual(["a", "b", "c", "d"]);
});

test("one that throws takes nobody else's turn away", async () => {
  // An error that nobody catches ends a test: it needs a process of its own.
  const script = `
    const { awaitTurn } = await import(${JSON.stringify(join(import.meta.dir, "../../../src/net/next-turn.ts"))});
    process.on("uncaughtException", (error) => console.log(error.message));
    awaitTurn({ onTurn: () => { throw new Error("a fails"); } });
    awaitTurn({ onTurn: () => console.log("b is called") });
  `;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script]);
  expect(stdout.toString()).toBe("a fails\nb is called\n");
});
