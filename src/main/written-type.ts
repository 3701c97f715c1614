/**
 * Spells what a Schema accepts as a TypeScript type, each member under the words that its Schema has for messages.
 * Serves editor-types.ts, which gives it the Schema of the configuration; owns the spelling.
 * Never sees a value, and knows no key.
 */
import { Schema, type SchemaAST } from "effect";
import { Protocol } from "../model/protocol.ts";

/** What is spelled as a type that has a name: editor-types.ts declares it. */
const named: ReadonlyArray<{ readonly type: string; readonly is: (ast: SchemaAST.AST) => boolean }> = [
  // Any case is understood; the Schema claims by hand what editors shall offer.
  { type: "WrittenProtocol", is: (ast) => isAlike(ast, Schema.toEncoded(Protocol).ast) },
  { type: "Json", is: (ast) => isAlike(ast, Schema.Json.ast) },
];

/** The type of what is accepted, as the right side of a type alias or behind a colon; `margin` is blanks. */
export const spellWrittenType = (schema: Schema.Constraint, margin = ""): string =>
  spell(Schema.toEncoded(schema).ast, margin);

const spell = (ast: SchemaAST.AST, margin: string): string => {
  const own = named.find(({ is }) => is(ast));
  if (own !== undefined) return own.type;
  switch (ast._tag) {
    case "String":
      return "string";
    case "Number":
      return "number";
    case "Boolean":
      return "boolean";
    case "Null":
      return "null";
    case "Undefined":
      return "undefined";
    case "Literal":
      return JSON.stringify(ast.literal);
    case "Union":
      return [...new Set(ast.types.map((type) => spell(type, margin)))].join(" | ");
    case "Arrays":
      if (ast.elements.length > 0 || ast.rest.length !== 1) break;
      return `ReadonlyArray<${spell(ast.rest[0] as SchemaAST.AST, margin)}>`;
    case "Objects":
      return spellObject(ast, margin);
    case "Unknown":
      return "unknown";
  }
  throw new Error(`no spelling for ${ast._tag}`);
};

const spellObject = (ast: SchemaAST.Objects, margin: string): string => {
  const inner = `${margin}  `;
  const members = ast.propertySignatures.map(({ name, type }) => {
    const mark = type.context?.isOptional === true ? "?" : "";
    return `${spellComment(type, inner)}${inner}readonly ${spellKey(String(name))}${mark}: ${spell(type, inner)};\n`;
  });
  const rest = ast.indexSignatures.map(
    ({ type }) => `${spellComment(type, inner)}${inner}readonly [name: string]: ${spell(type, inner)};\n`,
  );
  return `{\n${[...members, ...rest].join("")}${margin}}`;
};

const spellKey = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

const spellComment = (ast: SchemaAST.AST, margin: string): string => {
  const { title, expected } = wordsOf(ast);
  if (title === undefined || expected === undefined) return "";
  const text = `${title.charAt(0).toUpperCase()}${title.slice(1)}: ${expected}.`;
  return `${margin}/** ${text.replaceAll("*/", "* /")} */\n`;
};

/** An optional member is a union with undefined: its other side carries the words. */
const wordsOf = (ast: SchemaAST.AST): { readonly title?: string; readonly expected?: string } => {
  const words = ast.annotations as { readonly title?: string; readonly expected?: string } | undefined;
  if (words?.title !== undefined || ast._tag !== "Union") return words ?? {};
  const inner = ast.types.find((type) => type._tag !== "Undefined");
  return inner === undefined ? {} : wordsOf(inner);
};

/** Whether it is the same but for words of its own: a declaration has a representation, and others a title. */
const isAlike = (one: SchemaAST.AST, other: SchemaAST.AST): boolean => {
  if (one._tag !== other._tag) return false;
  return one._tag === "Declaration"
    ? representationOf(one) !== undefined && representationOf(one) === representationOf(other)
    : one.annotations?.title === other.annotations?.title && one.annotations?.expected === other.annotations?.expected;
};

const representationOf = ({ annotations }: SchemaAST.AST): string | undefined =>
  (annotations?.representation as { readonly id?: string } | undefined)?.id;
