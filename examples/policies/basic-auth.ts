/**
 * Basic authentication (RFC 7617): a name and a password before a request gets anywhere.
 * Passwords stand as salted scrypt hashes. Make one with Node or Bun:
 *
 *     node -p 'const c = require("node:crypto"), s = c.randomBytes(16);
 *       `scrypt:${s.toString("base64")}:${c.scryptSync(process.argv[1], s, 32).toString("base64")}`' 'the password'
 *
 * A hash takes its time, so `admit` answers with a promise the first time, and remembers who was right. The instance gets
 * the name in a header of its own, and never the password.
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { type Answer, answer, definePolicy, type RequestContext, refuse, Schema } from "elbow";

const realmWords = { title: "a realm", expected: "a text of letters, digits, blanks, dots and hyphens" };
const hashWords = { title: "a hashed password", expected: "scrypt:SALT:HASH, both in base64", isSecret: true };

/** Those that begin with `X-Forwarded-` or `X-Amzn-` tell of the connection, and are not for policies to write. */
const headerWords = {
  title: "a header's name",
  expected: 'one that begins with "X-", such as "X-User", but not with "X-Forwarded-" or "X-Amzn-"',
};

const hashBytes = 32;
/** Whoever has been right is remembered, up to so many. */
const maxRemembered = 1000;
/** Hashes at a time, 16 MiB each: guessing must not starve everybody else. */
const maxChecks = 4;

const isHeader = (text: string): boolean => /^x-(?!forwarded-|amzn-)[a-z0-9-]+$/i.test(text);

const isHash = (text: string): boolean => {
  const [kind, salt = "", hash = "", ...rest] = text.split(":");
  return kind === "scrypt" && salt !== "" && rest.length === 0 && Buffer.from(hash, "base64").length === hashBytes;
};

/** Name and password as a request brings them, or undefined. */
const readCredentials = (
  header: string | undefined,
): { readonly name: string; readonly password: string } | undefined => {
  const [, text] = /^basic +([a-z0-9+/]+={0,2})$/i.exec(header ?? "") ?? [];
  if (text === undefined) return undefined;
  const decoded = Buffer.from(text, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return colon < 0 ? undefined : { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
};

/** Names go into a header of the request, so those that can't are nobody's. */
const isName = (name: string): boolean => /^[\x21-\x39\x3b-\x7e]+$/.test(name);

const deriveHash = (password: string, salt: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, (error: unknown, hash: Uint8Array) => (error ? reject(error) : resolve(hash)));
  });

/** Who may come in, and who has been recognised. */
class Doorkeeper {
  /** The user of each request that was let in. */
  readonly userOf = new WeakMap<RequestContext, string>();
  private readonly remembered = new Map<string, string>();
  private readonly key = randomBytes(32);
  /** Checked where there is no such user, so that the time doesn't tell. */
  private readonly nobody = `scrypt:${randomBytes(16).toString("base64")}:${randomBytes(hashBytes).toString("base64")}`;
  private checks = 0;
  /** The same object each time: what it means is worked out once. */
  readonly refusal: Answer;

  constructor(
    private readonly users: Readonly<Record<string, string>>,
    realm: string,
  ) {
    this.refusal = answer(401, "401 Unauthorized\n", {
      "Content-Type": "text/plain",
      "WWW-Authenticate": `Basic realm="${realm}", charset="UTF-8"`,
    });
  }

  get isBusy(): boolean {
    return this.checks >= maxChecks;
  }

  /** The user that has sent this very header before. */
  recognise(header: string): string | undefined {
    return this.remembered.get(this.digest(header));
  }

  async check(header: string, name: string, password: string): Promise<boolean> {
    this.checks++;
    try {
      const stored = Object.hasOwn(this.users, name) ? this.users[name] : undefined;
      const [, salt = "", hash = ""] = (stored ?? this.nobody).split(":");
      const offered = await deriveHash(password, Buffer.from(salt, "base64"));
      const isRight = timingSafeEqual(offered, Buffer.from(hash, "base64")) && stored !== undefined;
      if (isRight) this.remember(this.digest(header), name);
      return isRight;
    } finally {
      this.checks--;
    }
  }

  private remember(digest: string, name: string): void {
    if (this.remembered.size >= maxRemembered) this.remembered.delete(this.remembered.keys().next().value ?? "");
    this.remembered.set(digest, name);
  }

  /** Passwords aren't kept; the key makes the digests worthless to anybody else, and look-ups safe to time. */
  private digest(header: string): string {
    return createHmac("sha256", this.key).update(header).digest("base64");
  }
}

export default definePolicy({
  type: "basic-auth",
  attributes: Schema.Struct({
    /** What the browser shows; "elbow" where it is left out. */
    realm: Schema.optional(
      Schema.String.annotate(realmWords).check(Schema.makeFilter((text) => /^[\w .-]+$/.test(text), realmWords)),
    ),
    /** Hashed passwords by the users' names. */
    users: Schema.Record(
      Schema.String,
      Schema.String.annotate(hashWords).check(Schema.makeFilter(isHash, hashWords)),
    ).annotate({ title: "a set of users", expected: 'one such as { ada: "scrypt:SALT:HASH" }' }),
    /** The request header that tells the instance who it is; `X-Remote-User` where it is left out. */
    userHeader: Schema.optional(
      Schema.String.annotate(headerWords).check(Schema.makeFilter((text) => isHeader(text), headerWords)),
    ),
  }),
  deadlineMs: 5000,
  onError: "closed",
  state: ({ users, realm = "elbow" }) => new Doorkeeper(users, realm),
  admit(_attributes, context, keeper) {
    if (context.kind === "connection") return refuse();
    const header = context.header("authorization");
    const credentials = readCredentials(header);
    if (header === undefined || credentials === undefined || !isName(credentials.name)) return keeper.refusal;
    const known = keeper.recognise(header);
    if (known !== undefined) {
      keeper.userOf.set(context, known);
      return undefined;
    }
    if (keeper.isBusy) return answer(503, "503 Too many at the door\n", { "Retry-After": "1" });
    return keeper.check(header, credentials.name, credentials.password).then((isRight) => {
      if (!isRight) return keeper.refusal;
      keeper.userOf.set(context, credentials.name);
      return undefined;
    });
  },
  requestHead: ({ userHeader = "X-Remote-User" }, request, { userOf }) => ({
    remove: ["Authorization"],
    set: { [userHeader]: userOf.get(request) ?? "" },
  }),
  log(_attributes, { request }, { userOf }) {
    const user = request === undefined ? undefined : userOf.get(request);
    return user === undefined ? undefined : { user };
  },
});
