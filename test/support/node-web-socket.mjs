// Node's own WebSocket client against a port: text, binary of 1 MiB, a subprotocol, a close with a code. It prints what it
// saw as one line of JSON. Plain JavaScript, so that Node.js runs it.
const socket = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/socket?from=node`, ["chat", "superchat"]);
socket.binaryType = "arraybuffer";
const seen = [];

socket.addEventListener("open", () => socket.send("héllo"));
socket.addEventListener("message", ({ data }) => {
  if (typeof data === "string") {
    seen.push(data);
    socket.send(new Uint8Array(1024 * 1024).fill(7));
  } else {
    seen.push(
      data.byteLength,
      new Uint8Array(data).every((byte) => byte === 7),
    );
    socket.close(4001, "enough");
  }
});
socket.addEventListener("close", ({ code, reason, wasClean }) => {
  process.stdout.write(`${JSON.stringify({ seen, protocol: socket.protocol, code, reason, wasClean })}\n`);
});
socket.addEventListener("error", ({ message }) => process.stderr.write(`error ${message}\n`));
