/**
 * Reads the file that holds the management server's token.
 * A step of loading a configuration, beside the certificates; owns what may be wrong with such a file.
 * Never repeats what the file holds.
 */
import { readFile, stat } from "node:fs/promises";
import { Effect, Predicate, Result } from "effect";
import { isToken, tokenExpectation } from "../../model/management.ts";
import { FileTimeout, withinFileLimit } from "../../tls/file-limit.ts";
import type { TokenFile } from "./management-rules.ts";
import type { Finding } from "./problem.ts";

/** No token is longer, with the blanks around it. */
const maxBytes = 8192;

/** Its token, blanks around it apart, or what is wrong with the file; it may be read by its owner and group alone. */
export const readTokenFile = ({ place, file, path }: TokenFile): Effect.Effect<Result.Result<string, Finding>> => {
  const refuse = (problem: string, expected: string): Result.Result<string, Finding> =>
    Result.fail({ place, problem: `${file}: ${problem}`, expected });
  return Effect.promise(async () => {
    try {
      const found = await withinFileLimit(path, () => stat(path));
      if (!found.isFile()) return refuse("is not a file", "a file with the token");
      if ((found.mode & 0o007) !== 0) {
        const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
        return refuse(`everybody on this machine may use it (mode ${mode})`, "mode 0600 or 0640");
      }
      if (found.size > maxBytes) return refuse(`has ${found.size} bytes`, tokenExpectation);
      const text = (await withinFileLimit(path, () => readFile(path, "utf8"))).trim();
      return isToken(text) ? Result.succeed(text) : refuse("does not hold a token", tokenExpectation);
    } catch (cause) {
      if (cause instanceof FileTimeout) return refuse("can't be read in time", "a file on a system that answers");
      const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : String(cause);
      return refuse(code === "ENOENT" ? "no such file" : `can't be read (${code})`, "a file that elbow may read");
    }
  });
};
