// What an operation of the management API is: its place, its shapes, and what it is called with.
//
// Between app.ts, which calls operations, and the files that list them. Owns the shape; no operation is here.
import type { Schema } from "effect";
import type { AdminSources } from "./admin-sources.ts";
import type { EventStreams } from "./event-stream.ts";
import type { ProblemStatus } from "./problem.ts";

/** One request, checked and decoded. */
export interface Call {
  readonly sources: AdminSources;
  readonly streams: EventStreams;
  readonly parameters: Readonly<Record<string, string>>;
  /** As the operation's Schema decodes it. */
  readonly body: unknown;
  /** Only the header fields are sent: a stream need not begin. */
  readonly isHead: boolean;
  /** Lets the answer last: it is sent as it comes, and its connection is not idle while nothing is. */
  readonly keepOpen: () => void;
  /** The OpenAPI document. */
  readonly document: object;
  /** Every path there is. */
  readonly paths: ReadonlyArray<string>;
}

/** What an operation answers when all is well. */
export interface Answer {
  readonly status: 200 | 503;
  readonly description: string;
  readonly contentType?: string;
  readonly schema?: Schema.Top;
}

/** One thing that can be asked. */
export interface Operation {
  readonly id: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** With `{name}` for what the caller fills in. */
  readonly path: string;
  readonly tag: "Status" | "Instances" | "Configuration" | "This server";
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly request?: Schema.Codec<unknown, unknown>;
  readonly answers: ReadonlyArray<Answer>;
  /** How it may be refused, beside what every operation may be refused with. */
  readonly refusals?: Readonly<Partial<Record<ProblemStatus, string>>>;
  /** Answered without a token, too: it says nothing of this elbow. */
  readonly isOpen?: boolean;
  readonly run: (call: Call) => Response | Promise<Response>;
}

/** The one answer of most operations. */
export const json = (schema: Schema.Top, description: string): ReadonlyArray<Answer> => [
  { status: 200, description, schema },
];
