// Holds values to the JSON Schemas of an OpenAPI document: the keywords that the document uses, and no others; a property
// that a schema doesn't name is a departure, since the document is to tell everything.

type JsonSchema = Readonly<Record<string, unknown>>;

/** An OpenAPI document, as far as tests look into it. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** One operation of it. */
export interface OpenApiOperation {
  readonly operationId: string;
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string; readonly required: boolean }>;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly security?: ReadonlyArray<object>;
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content: Readonly<Record<string, OpenApiContent>> }>
  >;
}

interface OpenApiContent {
  readonly schema: JsonSchema;
  readonly "x-event-data"?: JsonSchema;
}

const known = ["$ref", "type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "minimum"];
const silent = ["maximum", "description", "title", "expected", "const"];

/** Every way in which a value departs from a schema of the document. */
export const findDepartures = (api: OpenApi, schema: JsonSchema, value: unknown, at = ""): ReadonlyArray<string> => {
  const strange = Object.keys(schema).filter((key) => !known.includes(key) && !silent.includes(key));
  if (strange.length > 0) return [`${at}: the schema has ${strange.join(", ")}, which this test doesn't know`];
  if (typeof schema.$ref === "string") {
    const target = api.components.schemas[schema.$ref.replace("#/components/schemas/", "")];
    return target === undefined ? [`${at}: ${schema.$ref} leads nowhere`] : findDepartures(api, target, value, at);
  }
  if (Array.isArray(schema.anyOf)) {
    const found = schema.anyOf.map((one) => findDepartures(api, one, value, at));
    return found.some((one) => one.length === 0) ? [] : found.flat();
  }
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return [`${at}: ${value} is not of the enum`];
  if (schema.type !== undefined && !isOfType(schema.type, value))
    return [`${at}: ${typeof value} is no ${schema.type}`];
  if (typeof schema.minimum === "number" && (value as number) < schema.minimum) return [`${at}: ${value} is too small`];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => findDepartures(api, schema.items as JsonSchema, item, `${at}[${index}]`));
  }
  // Of an object of no members, nothing is told on purpose.
  if (typeof value !== "object" || value === null || schema.properties === undefined) return [];
  const properties = schema.properties as Readonly<Record<string, JsonSchema>>;
  const missing = ((schema.required ?? []) as ReadonlyArray<string>).filter((key) => !Object.hasOwn(value, key));
  return [
    ...missing.map((key) => `${at}.${key}: is missing`),
    ...Object.entries(value).flatMap(([key, member]) => {
      const own = properties[key];
      return own === undefined ? [`${at}.${key}: is not told`] : findDepartures(api, own, member, `${at}.${key}`);
    }),
  ];
};

const isOfType = (type: unknown, value: unknown): boolean => {
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
};
