// What can be wrong with the bytes of an HTTP/1 message: small codes, so that a parser makes no object on the way.
//
// The pipeline lifts a fault to a reason (`errors.ts`); tests and logs use its name.

export const Fault = {
  none: 0,
  badMethod: 1,
  methodTooLong: 2,
  connectMethod: 3,
  badTarget: 4,
  requestLineTooLong: 5,
  badFieldName: 6,
  badFieldValue: 7,
  foldedField: 8,
  fieldTooLong: 9,
  headTooLarge: 10,
  tooManyFields: 11,
  missingHost: 12,
  duplicateHost: 13,
  badHost: 14,
  badContentLength: 15,
  differentContentLengths: 16,
  badTransferEncoding: 17,
  badStatusLine: 18,
  badChunkSize: 19,
  badChunkEnd: 20,
  badTrailer: 21,
  trailerTooLarge: 22,
} as const;

/** One of {@link Fault}'s codes. */
export type Fault = (typeof Fault)[keyof typeof Fault];

const names = Object.fromEntries(Object.entries(Fault).map(([name, code]) => [code, name]));

/** The fault's name, for logs and tests. */
export const nameOfFault = (fault: Fault): string => names[fault] ?? "unknown";
