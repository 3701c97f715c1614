// The secret behind stickiness cookies that is kept from start to start, made when it is first needed.
//
// Asked when a listener has a stickiness policy and the configuration no secret; owns the file and that nobody else may read it. Never replaces what is
// there: a new secret would send every client to an instance that doesn't know it.
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Data, Effect } from "effect";
import { type CookieSecret, cookieSecretMinLength, isCookieSecret, toCookieSecret } from "../model/cookie-secret.ts";

/** The file in the state directory; a line of it is a secret, the first makes the cookies, all of them are good. */
export const cookieSecretFile = "cookie-secret";

/** The kept secret can't be used; the message says which file, why, and what else could be done. */
export class CookieSecretError extends Data.TaggedError("CookieSecretError")<{
  readonly path: string;
  readonly problem: string;
}> {
  override get message(): string {
    return `the cookie secret ${this.path}: ${this.problem}`;
  }
}

/**
 * The secrets kept in `directory`, which is there; one is made, whole and for the owner alone, where there are none.
 *
 * *Details*: of several processes that start at once all get the same.
 */
export const keepCookieSecrets = (
  directory: string,
): Effect.Effect<readonly [CookieSecret, ...ReadonlyArray<CookieSecret>], CookieSecretError> => {
  const path = join(directory, cookieSecretFile);
  const refuse = (problem: string) => new CookieSecretError({ path, problem });
  return Effect.try({
    try: () => {
      const text = readIfThere(path) ?? createFile(directory, path);
      // Who may read it makes cookies as good as ours. A group may: some file systems give every file to one.
      if ((statSync(path).mode & 0o007) !== 0) throw refuse("other users may read it (chmod 600 would end that)");
      const [first, ...others] = text.split("\n").filter((line) => line.trim() !== "");
      if (first === undefined || ![first, ...others].every(isCookieSecret)) {
        throw refuse(
          `a line of it has fewer than ${cookieSecretMinLength} characters; without the file a new one is made`,
        );
      }
      return [toCookieSecret(first), ...others.map(toCookieSecret)] as const;
    },
    catch: (error) => (error instanceof CookieSecretError ? error : refuse(spellSystemError(error))),
  });
};

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
};

/** Makes the file, unless another process has done so meanwhile; what it holds then. */
const createFile = (directory: string, path: string): string => {
  const temporary = join(directory, `.${randomBytes(6).toString("hex")}-${cookieSecretFile}`);
  const file = openSync(temporary, "wx", 0o600);
  try {
    try {
      writeFileSync(file, `${randomBytes(32).toString("base64")}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // A link is refused where there is a file, and nobody ever sees half of one.
    linkSync(temporary, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(path, "utf8");
};

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

const spellSystemError = (error: unknown): string => {
  const code = codeOf(error);
  if (code === "EACCES" || code === "EPERM") return `permission denied (${code})`;
  return error instanceof Error ? error.message : String(error);
};
