// The OpenAPI 3.1 document of the management API, made from the operations and their Schemas.
//
// Behind GET /openapi.json and /docs. Pure; owns how an operation is written down, and invents nothing: shapes are those
// that requests are decoded with and answers are tested against.
// Source: OpenAPI Specification 3.1.1; its schemas are JSON Schema 2020-12.
import { Schema } from "effect";
import type { Answer, Operation } from "./operation.ts";
import type { ProblemStatus } from "./problem.ts";
import { ProblemAnswer } from "./schemas.ts";

/** How any operation may be refused. */
const commonRefusals: Readonly<Partial<Record<ProblemStatus, string>>> = {
  401: "A token is set, and the request doesn't show it.",
  403: "The request is addressed to another server, or comes from a web page of another origin.",
  500: "The answer could not be made; the log says why.",
};

const bodyRefusals: Readonly<Partial<Record<ProblemStatus, string>>> = {
  400: "The body is not what is expected.",
  413: "The body is too large.",
  415: "The body is not JSON.",
};

/** Writes the document of these operations. */
export const makeOpenApi = (operations: ReadonlyArray<Operation>, version: string): object => {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    (paths[operation.path] as Record<string, unknown>)[operation.method.toLowerCase()] = describe(operation, schemas);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "elbow management API",
      version,
      description: "Reads and changes a running elbow. Every error is a problem document (RFC 9457).",
    },
    // Wherever it was read from.
    servers: [{ url: "/" }],
    security: [{}, { token: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Needed where `management` has a token." },
      },
    },
  };
};

const describe = (operation: Operation, schemas: Record<string, unknown>): object => {
  const { id, tag, summary, description, parameters = {}, request, answers, refusals, isOpen } = operation;
  const problems: Readonly<Partial<Record<string, string | undefined>>> = {
    ...commonRefusals,
    ...(isOpen === true ? { 401: undefined } : {}),
    ...(operation.method === "GET" ? {} : bodyRefusals),
    ...(request === undefined ? {} : { 422: "The body breaks a rule; nothing was changed." }),
    ...refusals,
  };
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(isOpen === true ? { security: [] } : {}),
    ...(Object.keys(parameters).length === 0
      ? {}
      : {
          parameters: Object.entries(parameters).map(([name, words]) => ({
            ...{ name, in: "path", required: true, description: words, schema: { type: "string" } },
          })),
        }),
    ...(request === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: refer(request, schemas) } } } }),
    responses: Object.fromEntries([
      ...Object.entries(problems)
        .filter(([status, words]) => words !== undefined && !answers.some((one) => String(one.status) === status))
        .map(([status, words]) => [
          status,
          {
            description: words,
            content: { "application/problem+json": { schema: refer(ProblemAnswer, schemas) } },
          },
        ]),
      ...answers.map((answer) => [String(answer.status), describeAnswer(answer, schemas)]),
    ]),
  };
};

const describeAnswer = ({ description, contentType, schema }: Answer, schemas: Record<string, unknown>) => ({
  description,
  content: {
    // Its parameters are no part of a media type's key (OpenAPI 3.1.1, "Media Type Object").
    [contentType?.split(";")[0] ?? "application/json"]:
      // A stream isn't one JSON value: what its events carry is told beside it.
      contentType === "text/event-stream" && schema !== undefined
        ? { schema: { type: "string" }, "x-event-data": refer(schema, schemas) }
        : {
            schema:
              schema === undefined
                ? { type: contentType === "application/json" ? "object" : "string" }
                : refer(schema, schemas),
          },
  },
});

/** Puts a Schema, and those that it names, among the document's, and answers what stands in its place. */
const refer = (schema: Schema.Top, schemas: Record<string, unknown>): unknown => {
  const { schema: own, definitions } = Schema.toJsonSchemaDocument(schema);
  for (const [name, definition] of Object.entries(definitions)) schemas[name] = relocate(definition);
  return relocate(own);
};

const relocate = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
