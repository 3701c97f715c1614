/**
 * The part of Effect's `Schema` that policies' attributes are commonly made of, for editors where Effect isn't installed.
 * A piece of what editor-types.ts prints: editor-types-build.ts copies it; test/integration/editor-types.test.ts compares
 * what it infers with what Effect does. Never imported: inside this repository, and at run time, Schema is Effect's own.
 */
// biome-ignore-all lint/suspicious/noShadowRestrictedNames: Schema has these names.
// biome-ignore-all lint/suspicious/noExplicitAny: only `any` stands for every schema, whatever it is made of.

/** How attributes are written and checked: https://effect.website/docs/schema/introduction. */
export declare namespace Schema {
  /** Words of error messages: "… is not {title}", "expected {expected}"; and whatever else a program reads. */
  interface Annotations {
    /** What a value is called, such as "a port". */
    readonly title?: string;
    /** What it must look like, such as "a whole number from 1 to 65535". */
    readonly expected?: string;
    readonly description?: string;
    readonly [name: string]: unknown;
  }

  /** A test of values; see {@link makeFilter}. */
  interface Filter<in T> {
    readonly "~filter": (value: T) => void;
  }

  /** Values of type `T`, written as `E`. */
  interface Codec<T, E = T> {
    readonly Type: T;
    readonly Encoded: E;
    annotate(annotations: Annotations): this;
    check(...checks: readonly [Filter<T>, ...ReadonlyArray<Filter<T>>]): this;
    pipe<B>(one: (self: this) => B): B;
    pipe<B, C>(one: (self: this) => B, two: (self: B) => C): C;
  }

  /** Any schema; `Schema.Schema.Type<typeof mine>` is the type of its values. */
  type Any = Codec<any, any>;

  namespace Schema {
    type Type<S extends Any> = S["Type"];
  }

  /** A member of {@link Struct} that may be left out. */
  interface optionalKey<S extends Any> extends Codec<S["Type"], S["Encoded"]> {
    readonly schema: S;
    readonly "~optional": true;
  }

  /** A member of {@link Struct} that may be left out or undefined. */
  interface optional<S extends Any> extends Codec<S["Type"] | undefined, S["Encoded"] | undefined> {
    readonly "~optional": true;
  }

  type Fields = { readonly [name: string]: Any };

  type OptionalNames<F extends Fields> = {
    [Name in keyof F]: F[Name] extends { readonly "~optional": true } ? Name : never;
  }[keyof F];

  type Flat<T> = { [Name in keyof T]: T[Name] };

  type Members<F extends Fields, Side extends "Type" | "Encoded"> = Flat<
    { readonly [Name in Exclude<keyof F, OptionalNames<F>>]: F[Name][Side] } & {
      readonly [Name in OptionalNames<F>]?: F[Name][Side];
    }
  >;

  interface Struct<F extends Fields> extends Codec<Members<F, "Type">, Members<F, "Encoded">> {
    readonly fields: F;
  }

  type LiteralValue = string | number | boolean;

  interface Literals<L extends ReadonlyArray<LiteralValue>> extends Codec<L[number]> {
    readonly literals: L;
    /** Other values in the place of the literals, one for each in order. */
    transform<const To extends { readonly [Index in keyof L]: LiteralValue }>(to: To): Codec<To[number], L[number]>;
  }

  const String: Codec<string>;
  const NonEmptyString: Codec<string>;
  const Number: Codec<number>;
  /** A number that is neither NaN nor infinite. */
  const Finite: Codec<number>;
  /** A whole number. */
  const Int: Codec<number>;
  const Boolean: Codec<boolean>;
  const Null: Codec<null>;
  const Undefined: Codec<undefined>;
  const Unknown: Codec<unknown>;

  function Literal<const L extends LiteralValue>(literal: L): Codec<L>;
  function Literals<const L extends ReadonlyArray<LiteralValue>>(literals: L): Literals<L>;
  function Struct<const F extends Fields>(fields: F): Struct<F>;
  function Array<S extends Any>(item: S): Codec<ReadonlyArray<S["Type"]>, ReadonlyArray<S["Encoded"]>>;
  function NonEmptyArray<S extends Any>(
    item: S,
  ): Codec<readonly [S["Type"], ...ReadonlyArray<S["Type"]>], readonly [S["Encoded"], ...ReadonlyArray<S["Encoded"]>]>;
  function Tuple<const S extends ReadonlyArray<Any>>(
    items: S,
  ): Codec<{ readonly [Index in keyof S]: S[Index]["Type"] }, { readonly [Index in keyof S]: S[Index]["Encoded"] }>;
  function Record<V extends Any>(
    key: Codec<string>,
    value: V,
  ): Codec<{ readonly [name: string]: V["Type"] }, { readonly [name: string]: V["Encoded"] }>;
  function Union<const S extends ReadonlyArray<Any>>(members: S): Codec<S[number]["Type"], S[number]["Encoded"]>;
  function NullOr<S extends Any>(schema: S): Codec<S["Type"] | null, S["Encoded"] | null>;
  function optional<S extends Any>(schema: S): optional<S>;
  function optionalKey<S extends Any>(schema: S): optionalKey<S>;

  /** A test of your own: true for what is legal. The annotations are the words of the error. */
  function makeFilter<T>(isLegal: (value: T) => boolean, annotations?: Annotations): Filter<T>;
  function isPattern(pattern: RegExp, annotations?: Annotations): Filter<string>;
  function isNonEmpty(annotations?: Annotations): Filter<{ readonly length: number }>;
  function isMinLength(minLength: number, annotations?: Annotations): Filter<{ readonly length: number }>;
  function isMaxLength(maxLength: number, annotations?: Annotations): Filter<{ readonly length: number }>;
  function isInt(annotations?: Annotations): Filter<number>;
  function isGreaterThan(bound: number, annotations?: Annotations): Filter<number>;
  function isGreaterThanOrEqualTo(bound: number, annotations?: Annotations): Filter<number>;
  function isLessThan(bound: number, annotations?: Annotations): Filter<number>;
  function isLessThanOrEqualTo(bound: number, annotations?: Annotations): Filter<number>;
  function isBetween(
    range: { readonly minimum: number; readonly maximum: number },
    annotations?: Annotations,
  ): Filter<number>;
}
