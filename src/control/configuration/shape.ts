/**
 * The first half of a check: does the written configuration have the shape of the model's Schemas?
 * Runs before the rules; turns a Schema's issues into findings whose words are the annotations of those Schemas.
 * Owns no knowledge of any key or range, and repeats no value that its Schema calls a secret.
 */
import { Result, Schema, type SchemaAST, type SchemaIssue } from "effect";
import { WrittenConfiguration } from "../../model/configuration.ts";
import { findNearestName } from "./nearest-name.ts";
import { childOf, type Finding, type Place, spellChoice, spellValue } from "./problem.ts";

const decode = Schema.decodeUnknownResult(WrittenConfiguration, { errors: "all", onExcessProperty: "error" });

/** Every place where the written configuration departs from its shape. */
export const findShapeProblems = (written: unknown): ReadonlyArray<Finding> => {
  const decoded = decode(written);
  return Result.isSuccess(decoded) ? [] : describeFailure(decoded.failure, [], written);
};

/** Decodes a part whose shape another part decides, such as a policy's attributes; fails with every departure. */
export const decodePart = <T>(
  schema: Schema.Codec<T, unknown>,
  place: Place,
  value: unknown,
): Result.Result<T, ReadonlyArray<Finding>> =>
  Result.mapError(Schema.decodeUnknownResult(schema, { errors: "all", onExcessProperty: "error" })(value), (error) =>
    describeFailure(error, place, value),
  );

const describeFailure = (error: Schema.SchemaError, place: Place, value: unknown): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = [];
  collect(error.issue, { place, value, parent: undefined }, findings);
  return findings;
};

/** Where the walk through the issues stands; `parent` is the Schema of the object around it. */
interface Position {
  readonly place: Place;
  readonly value: unknown;
  readonly parent: SchemaAST.AST | undefined;
}

const collect = (issue: SchemaIssue.Issue, position: Position, findings: Array<Finding>): void => {
  switch (issue._tag) {
    case "Composite":
      for (const inner of issue.issues) collect(inner, { ...position, parent: issue.ast }, findings);
      return;
    case "Pointer": {
      const steps = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
      const value = steps.reduce<unknown>(childOf, position.value);
      collect(issue.issue, { ...position, place: [...position.place, ...steps], value }, findings);
      return;
    }
    case "Encoding":
      collect(issue.issue, position, findings);
      return;
    case "AnyOf":
      if (issue.issues.length === 0) findings.push(describeValue(position, issue.ast));
      collectNearest(issue.issues, position, findings);
      return;
    case "MissingKey":
      findings.push(describeMissing(position));
      return;
    case "UnexpectedKey":
      findings.push(describeUnknownKey(position, issue.ast));
      return;
    case "Filter":
      // A filter that points at members has words for each; any other has one description for all.
      if (issue.issue._tag === "Pointer" || issue.issue._tag === "Composite") collect(issue.issue, position, findings);
      else findings.push({ place: position.place, ...phrase(position.value, issue.filter.annotations) });
      return;
    case "InvalidType":
    case "OneOf":
      findings.push(describeValue(position, issue.ast));
      return;
    case "InvalidValue":
    case "Forbidden":
      findings.push({ place: position.place, ...phrase(position.value, issue.annotations) });
      return;
  }
};

/** An object that has none of several shapes was meant to have the one with most of its keys, or else the first. */
const collectNearest = (issues: ReadonlyArray<SchemaIssue.Issue>, position: Position, findings: Array<Finding>) => {
  const { value } = position;
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
  let nearest: SchemaIssue.Issue | undefined;
  let most = -1;
  for (const issue of issues) {
    const known = issue._tag === "Composite" && issue.ast._tag === "Objects" ? issue.ast.propertySignatures : [];
    const shared = known.filter(({ name }) => keys.includes(String(name))).length;
    if (shared <= most) continue;
    most = shared;
    nearest = issue;
  }
  if (nearest !== undefined) collect(nearest, position, findings);
};

const describeValue = ({ place, value }: Position, ast: SchemaAST.AST): Finding => {
  const member = describedMember(ast);
  const { title, expected } = annotationsOf(member);
  if (value === undefined) return { place, problem: "is missing", expected: joinWords(member) };
  if (member._tag === "Number" && typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value))) {
    return { place, problem: `${spellValue(value)} is a text in quotes, not ${title}`, expected };
  }
  return { place, ...phrase(value, { ...wordsOf(member), ...member.annotations }) };
};

const describeMissing = ({ place, parent }: Position): Finding => {
  const key = place.at(-1);
  const property = parent?._tag === "Objects" ? parent.propertySignatures.find(({ name }) => name === key) : undefined;
  const expected = property === undefined ? "a value" : joinWords(describedMember(property.type));
  return { place, problem: "is missing", expected };
};

/** What should stand there: its title and what it looks like, or what the kind of its Schema says. */
const joinWords = (ast: SchemaAST.AST): string => {
  const { title, expected } = annotationsOf(ast);
  return ast.annotations?.title === undefined ? expected : `${title}: ${expected}`;
};

/** What a Schema of a policy module says without any annotation. */
const wordsOf = (ast: SchemaAST.AST): { readonly expected?: string } => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return { expected: "a text" };
    case "Number":
      return { expected: "a number" };
    case "Boolean":
      return { expected: "true or false" };
    case "Arrays":
      return { expected: "a list" };
    case "Objects":
      return { expected: "an object" };
    case "Literal":
      return { expected: JSON.stringify(ast.literal) ?? String(ast.literal) };
    case "Union":
      return {
        expected: spellChoice([
          ...new Set(ast.types.flatMap((type) => (type._tag === "Undefined" ? [] : annotationsOf(type).expected))),
        ]),
      };
    default:
      return {};
  }
};

const describeUnknownKey = ({ place }: Position, ast: SchemaAST.AST): Finding => {
  const known = ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : [];
  const key = String(place.at(-1));
  const nearest = findNearestName(key, known);
  return {
    place,
    problem: `unknown key \`${key}\`${nearest === undefined ? "" : `; did you mean \`${nearest}\`?`}`,
    expected: `one of ${known.map((name) => `\`${name}\``).join(", ")}`,
  };
};

/** An optional member is a union with undefined, which nobody means: its other side carries the words. */
const describedMember = (ast: SchemaAST.AST): SchemaAST.AST => {
  if (ast._tag !== "Union" || ast.annotations?.title !== undefined) return ast;
  const inner = ast.types.filter((type) => type._tag !== "Undefined");
  const [first] = inner;
  if (first === undefined) return ast;
  // Of several without a word of their own, all are told.
  return inner.length > 1 && describedMember(first).annotations?.title === undefined ? ast : describedMember(first);
};

type Annotations = Readonly<Record<string, unknown>> | undefined;

const phrase = (value: unknown, annotations: Annotations): { problem: string; expected: string } => {
  const { title, expected } = annotationsOf({ annotations });
  if (typeof annotations?.problem === "string") return { problem: annotations.problem, expected };
  // What may be a key or a passphrase is not repeated: problems end up in logs.
  const isSecret = annotations?.isSecret === true && typeof value !== "object";
  const nearest = typeof value === "string" ? findNearestName(value, knownOf(annotations)) : undefined;
  const hint = nearest === undefined ? "" : `; did you mean ${spellValue(nearest)}?`;
  return { problem: `${isSecret ? "the value" : spellValue(value)} is not ${title}${hint}`, expected };
};

/** The legal texts, where an annotation lists them for a "did you mean". */
const knownOf = (annotations: Annotations): ReadonlyArray<string> =>
  Array.isArray(annotations?.known) ? annotations.known : [];

const annotationsOf = (annotated: SchemaAST.AST | { readonly annotations?: Annotations }) => {
  const annotations: Annotations = {
    ...("_tag" in annotated ? { ...wordsOf(annotated), ...annotated.checks?.at(-1)?.annotations } : {}),
    ...annotated.annotations,
  };
  return {
    title: String(annotations.title ?? "a legal value"),
    expected: String(annotations.expected ?? annotations.description ?? "another value"),
  };
};
