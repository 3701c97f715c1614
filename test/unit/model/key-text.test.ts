// Keys are known by their looks, and never taken for paths, names or words.
import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { isKeyText, keyWords, maskKeys } from "../../../src/model/key-text.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const { privateKey: ed25519 } = generateKeyPairSync("ed25519");
const pems = [
  ec.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  ec.privateKey.export({ type: "sec1", format: "pem" }).toString(),
  rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  rsa.privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
  rsa.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "open sesame" }).toString(),
  ed25519.export({ type: "pkcs8", format: "pem" }).toString(),
];
const bodyOf = (pem: string): string => pem.replaceAll(/-----[^-]+-----\n/g, "");

test("keys as PEM and as their base64, whatever became of the line ends", () => {
  for (const pem of pems) {
    const body = bodyOf(pem);
    for (const ends of ["\n", "\r\n", " ", ""]) {
      expect(isKeyText(pem.replaceAll("\n", ends))).toBe(true);
      expect(isKeyText(body.replaceAll("\n", ends))).toBe(true);
      expect(isKeyText(` ${body.replaceAll("\n", ends)}\n`)).toBe(true);
    }
    // One dash was lost.
    expect(isKeyText(pem.slice(1))).toBe(true);
  }
});

test.each([
  "certs/site.key",
  "MII.key",
  "/etc/MIICertificates2026/some/very/long/folder/and/another/one/in/it/site.pem",
  "MyCertificates2026/some/very/long/folder/and/another/one/in/it/site/key",
  "./MICertificates2026/some/very/long/folder/and/another/one/in/it/site/key",
  "",
])("%p is none", (text) => {
  expect(isKeyText(text)).toBe(false);
  expect(maskKeys(`${text}: no such file (expected -----BEGIN PRIVATE KEY-----)`)).toBe(
    `${text}: no such file (expected -----BEGIN PRIVATE KEY-----)`,
  );
});

test("the beginning of a key is known without a digit in it", () => {
  for (const text of [
    "MHcCAQEEIGGVaOGvjwVdSvps",
    "MIGHAgEAMBMGByqGSMxxxxxx",
    "MIIEvQIBADANBgkqhkiGxxxx",
    "MCxCAQAwBQYDKxxxxxxx",
  ]) {
    expect(maskKeys(`bad.ts:1:2: ${text} is wrong`)).toBe(`bad.ts:1:2: (${keyWords}) is wrong`);
  }
});

test("no piece of a key is left in a message, whole or cut short, quoted or not", () => {
  for (const pem of pems) {
    const line = bodyOf(pem).replaceAll("\n", "");
    const texts = [
      pem,
      JSON.stringify(pem).slice(1, -1),
      bodyOf(pem),
      bodyOf(pem).replaceAll("\n", " "),
      line,
      line.slice(0, 24),
    ];
    for (const text of texts) {
      expect(maskKeys(`bad.ts:1:2: ${text} is wrong`)).toContain(keyWords);
      for (const piece of line.match(/.{20}/g) ?? []) expect(maskKeys(`bad.ts:1:2: ${text}`)).not.toContain(piece);
      expect(maskKeys(`the key "${text}"`)).toStartWith('the key "(');
    }
  }
  expect(maskKeys("MAXIMUMTRANSMISSIONUNITS and MAximumTransmissionUnits")).toBe(
    "MAXIMUMTRANSMISSIONUNITS and MAximumTransmissionUnits",
  );
});
