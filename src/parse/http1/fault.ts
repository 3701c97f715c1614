// What can be wrong with the bytes of an HTTP/1 message: small codes, so that a parser makes no object on the way.
//
// The pipeline lifts a fault to a reason (`errors.ts`); tests and logs use its name.

export const Fault = {
  none: 0,
  badMethod: 1,
  methodTooLong: 2,
  connectMethod: 3,
  badTarget: 4,
  badVersion: 5,
  requestLineTooLong: 6,
  badFieldName: 7,
  blankBeforeColon: 8,
  badFieldValue: 9,
  foldedField: 10,
  fieldTooLong: 11,
  headTooLarge: 12,
  tooManyFields: 13,
  missingHost: 14,
  duplicateHost: 15,
  badHost: 16,
  badContentLength: 17,
  differentContentLengths: 18,
  badTransferEncoding: 19,
  badStatusLine: 20,
  badChunkSize: 21,
  badChunkEnd: 22,
  badTrailer: 23,
  trailerTooLarge: 24,
} as const;

/** One of {@link Fault}'s codes. */
export type Fault = (typeof Fault)[keyof typeof Fault];

const names = Object.fromEntries(Object.entries(Fault).map(([name, code]) => [code, name]));

/** The fault's name, for logs and tests. */
export const nameOfFault = (fault: Fault): string => names[fault] ?? "unknown";
