// What is read of a ClientHello: name and versions, in whatever pieces and records it comes, and nothing that makes the
// reader throw, wait for ever, or read past what came.
import { describe, expect, test } from "bun:test";
import { type ClientHello, ClientHelloReader, Version } from "../../../../src/parse/tls/client-hello.ts";
import { Random } from "../../../fuzz/random.ts";
import { clientHello, clientHelloMessage, inRecords } from "../../../support/client-hello.ts";

/** All at once. */
const readClientHello = (bytes: Uint8Array, length = bytes.length) => new ClientHelloReader().read(bytes, length);

const hello = (bytes: Uint8Array): ClientHello => {
  const read = readClientHello(bytes);
  if (typeof read === "string") throw new Error(read);
  return read;
};

describe("what a client asks for", () => {
  test("the server name, in lower case and without a final dot", () => {
    expect(hello(clientHello({ serverName: "App.Example.COM" })).serverName).toBe("app.example.com");
    expect(hello(clientHello({ serverName: "app.example.com." })).serverName).toBe("app.example.com");
    expect(hello(clientHello({})).serverName).toBeUndefined();
    expect(hello(clientHello({ serverName: "" })).serverName).toBeUndefined();
    expect(hello(clientHello({ isBare: true })).serverName).toBeUndefined();
  });

  test("a server name behind other extensions and a session id", () => {
    const bytes = clientHello({
      extensions: [
        [0x0a0a, []],
        [16, [0, 3, 2, 104, 50]],
      ],
      serverName: "b.test",
      sessionId: new Uint8Array(32),
    });
    expect(hello(bytes).serverName).toBe("b.test");
  });

  test.each([
    [0x0300, Version.ssl3],
    [0x0301, Version.ssl3 | Version.tls10],
    [0x0302, Version.ssl3 | Version.tls10 | Version.tls11],
    [0x0303, Version.ssl3 | Version.tls10 | Version.tls11 | Version.tls12],
    // A version of the future is offered by an old field: it takes what we have, TLS 1.3 being negotiated elsewhere.
    [0x0305, Version.ssl3 | Version.tls10 | Version.tls11 | Version.tls12],
    [0x0200, 0],
  ])("legacy version %# means every older one too", (legacyVersion, versions) => {
    expect(hello(clientHello({ legacyVersion })).versions).toBe(versions);
  });

  test("supported_versions says exactly what it lists, GREASE aside", () => {
    expect(hello(clientHello({ versions: [0x1a1a, 0x0304, 0x0302] })).versions).toBe(Version.tls13 | Version.tls11);
    expect(hello(clientHello({ versions: [0x0304] })).versions).toBe(Version.tls13);
  });

  test("the fallback signal", () => {
    expect(hello(clientHello({ suites: [0xc02f, 0x5600] })).isFallback).toBe(true);
    expect(hello(clientHello({ suites: [0xc02f, 0x5601] })).isFallback).toBe(false);
  });
});

describe("how it comes", () => {
  const written = { serverName: "pieces.test", versions: [0x0304, 0x0303] };

  test("a byte more each time: partial until whole", () => {
    const bytes = clientHello(written);
    for (let length = 0; length < bytes.length; length++)
      expect(readClientHello(bytes.slice(0, length))).toBe("partial");
    expect(hello(bytes).serverName).toBe("pieces.test");
  });

  test.each([1, 2, 3, 5, 50])("in records of %d bytes", (fragmentBytes) => {
    const bytes = inRecords(clientHelloMessage(written), fragmentBytes);
    expect(hello(bytes).serverName).toBe("pieces.test");
    const reader = new ClientHelloReader();
    for (let length = 0; length < bytes.length; length++) {
      expect(readClientHello(bytes.slice(0, length))).toBe("partial");
      expect(reader.read(bytes, length)).toBe("partial");
    }
    expect(reader.read(bytes)).toEqual(hello(bytes));
  });

  test("with more behind it", () => {
    const bytes = new Uint8Array([...clientHello(written), 1, 2, 3]);
    expect(hello(bytes).serverName).toBe("pieces.test");
  });

  test("in a buffer that has room for more: only what came is read", () => {
    const bytes = clientHello(written);
    const roomy = new Uint8Array(4096).fill(255);
    roomy.set(bytes);
    expect(readClientHello(roomy, bytes.length - 1)).toBe("partial");
    expect((readClientHello(roomy, bytes.length) as ClientHello).serverName).toBe("pieces.test");
  });
});

describe("what is no ClientHello", () => {
  test.each(["GET / HTTP/1.1\r\n\r\n", "\x00", "PROXY TCP4 ", "\x16\x02\x01", "\x80\x2e\x01\x03\x01"])(
    "%p is no TLS",
    (text) => {
      expect(readClientHello(Buffer.from(text, "latin1"))).toBe("not TLS");
    },
  );

  test("another handshake message is no TLS either", () => {
    expect(readClientHello(new Uint8Array([22, 3, 1, 0, 4, 2, 0, 0, 0]))).toBe("not TLS");
  });

  test("a message longer than any client's is left to the library at once", () => {
    expect(typeof readClientHello(new Uint8Array([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]))).toBe("object");
  });

  test("an empty record isn't waited on", () => {
    expect(typeof readClientHello(new Uint8Array([22, 3, 1, 0, 0]))).toBe("object");
  });

  test("mutated messages never throw, and are never waited on for more than there can be", () => {
    const random = new Random(20_261_122);
    const sound = clientHello({ serverName: "fuzz.test", versions: [0x0304], sessionId: new Uint8Array(32) });
    for (let round = 0; round < 20_000; round++) {
      const bytes = new Uint8Array(70_000);
      bytes.set(sound);
      for (let change = 0; change < 3; change++) bytes[5 + random.below(sound.length - 5)] = random.below(256);
      expect(readClientHello(bytes)).not.toBe("partial");
    }
  });
});
