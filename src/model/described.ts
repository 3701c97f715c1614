/**
 * Builds the leaf Schemas of the model: a base type, a test, and the two phrases that every message about it is made of.
 * Stands under every other file of the model; `control/configuration` reads the phrases back out of the failed Schema.
 * Owns no rule of its own and never formats a message.
 */
import { Schema } from "effect";

/** What a value is called ("a port") and what it must look like ("a whole number from 1 to 65535"). */
export interface Description {
  readonly title: string;
  readonly expected: string;
}

/** Makes a Schema whose failures, of type and of value alike, carry the same description. */
export const described = <T, E>(
  base: Schema.Codec<T, E>,
  description: Description,
  isLegal?: (value: T) => boolean,
): Schema.Codec<T, E> => {
  const named = base.annotate({ title: description.title, expected: description.expected });
  return isLegal === undefined ? named : named.check(Schema.makeFilter(isLegal, { ...description }));
};
