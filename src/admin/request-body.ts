// Reads what a request brings with it: JSON of a known shape, up to a limit, or a refusal that says where it goes wrong.
//
// Between the routes and operations.ts. Owns the limit and the refusals of bodies (400, 413, 415, 422); a body that nobody
// wants is never read to its end.
import { Effect, Result, type Schema } from "effect";
import { spellFindings } from "../control/configuration/check.ts";
import { formatProblems } from "../control/configuration/configuration-error.ts";
import { parseJson } from "../control/configuration/document-file.ts";
import { decodePart } from "../control/configuration/shape.ts";
import { makeProblem } from "./problem.ts";

/** The most that a request may bring, in bytes. */
export const bodyMaxBytes = 65_536;

/** What was asked, as its Schema decodes it; nothing is wanted without a Schema. */
export const readBody = async (
  request: Request,
  schema: Schema.Codec<unknown, unknown> | undefined,
): Promise<Result.Result<unknown, Response>> => {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readBytes(request);
  } catch {
    // Whoever has gone in the middle of it hears nothing of this, and nobody else is to.
    return Result.fail(makeProblem(400, "The body has not come to its end."));
  }
  if (bytes === undefined) {
    return Result.fail(
      makeProblem(413, `The body has more than ${bodyMaxBytes} bytes.`, { headers: { connection: "close" } }),
    );
  }
  const type = request.headers.get("content-type");
  const isJson = type !== null && /^application\/json\s*(;|$)/i.test(type);
  // Forms and plain text are what a page may send without being asked first (Fetch Standard, "CORS-safelisted").
  if (type === null ? bytes.length > 0 : !isJson) {
    return Result.fail(
      makeProblem(415, `The body is ${type === null ? "of no type" : type}; expected application/json.`),
    );
  }
  if (schema === undefined) {
    if (bytes.length === 0 || isEmptyObject(bytes)) return Result.succeed(undefined);
    return Result.fail(makeProblem(400, "A body has no meaning here; expected none."));
  }
  if (bytes.length === 0) return Result.fail(makeProblem(400, "The body is missing; expected a JSON object."));
  return decode(bytes, schema);
};

const isEmptyObject = (bytes: Uint8Array): boolean => /^\s*\{\s*\}\s*$/.test(new TextDecoder().decode(bytes));

const decode = (bytes: Uint8Array, schema: Schema.Codec<unknown, unknown>): Result.Result<unknown, Response> => {
  let parsed: Result.Result<unknown, { readonly message: string }>;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    parsed = Effect.runSync(Effect.result(parseJson("body", text)));
  } catch (cause) {
    const isDeep = cause instanceof RangeError;
    return Result.fail(
      makeProblem(400, `The body ${isDeep ? "is nested too deeply" : "is not UTF-8"}; expected JSON.`),
    );
  }
  if (Result.isFailure(parsed)) return Result.fail(makeProblem(400, `${parsed.failure.message}.`));
  const decoded = decodePart(schema, [], parsed.success);
  if (Result.isSuccess(decoded)) return Result.succeed(decoded.success);
  const problems = spellFindings(decoded.failure, parsed.success).map((one) =>
    formatProblems({ problems: [{ ...one, path: one.path === "the configuration" ? "body" : one.path }] }),
  );
  return Result.fail(makeUnprocessable(problems));
};

/** A refusal that says everything that is wrong. */
export const makeUnprocessable = (problems: ReadonlyArray<string>): Response =>
  makeProblem(422, problems.length === 1 ? `${problems[0]}` : `${problems.length} problems; nothing was changed.`, {
    problems,
  });

/** Undefined where there is more than the limit. *Fails with*: throws where the client has gone. */
const readBytes = async ({ body, headers }: Request): Promise<Uint8Array | undefined> => {
  if (Number(headers.get("content-length") ?? 0) > bodyMaxBytes) return undefined;
  if (body === null) return new Uint8Array();
  const parts: Array<Uint8Array> = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > bodyMaxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
};
