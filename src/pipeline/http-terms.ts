// What a load balancer's attributes ask of its layer-7 connections: modes, limits and times, in the data path's units.
//
// Part of a route, so a reload changes it for the next request. Made once per route, never per request.
import type { Attributes } from "../model/attributes.ts";
import type { DesyncMode } from "../parse/http1/desync.ts";
import type { HeadLimits } from "../parse/http1/limits.ts";

export interface HttpTerms {
  readonly desyncMode: DesyncMode;
  /** An `Upgrade: websocket` handshake may reach an instance. */
  readonly allowsWebSocket: boolean;
  readonly requestLimits: HeadLimits;
  readonly responseLimits: HeadLimits;
  /** From the first byte of a request head to its last, in milliseconds. */
  readonly requestHeadTimeoutMs: number;
  /** How long a request body may take at any rate, in milliseconds; after that it must have kept up with the rate. */
  readonly requestBodyTimeoutMs: number;
  /** The least rate of a request body, in bytes per second. */
  readonly requestBodyBytesPerSecond: number;
  /** How much is read ahead of the answer in progress, in bytes. */
  readonly readAheadMaxBytes: number;
  /** How much of a body that nobody reads is thrown away to keep the client's connection, in bytes. */
  readonly unreadBodyMaxBytes: number;
  /** And for how long, in milliseconds. */
  readonly unreadBodyTimeoutMs: number;
  /** How long a closed conversation is listened to, so that the answer isn't lost to a reset, in milliseconds. */
  readonly lingerMs: number;
}

/** The terms that attributes ask for. */
export const makeHttpTerms = (attributes: Attributes): HttpTerms => ({
  desyncMode: attributes.desyncMitigationMode,
  allowsWebSocket: attributes.webSocket,
  requestLimits: {
    startLineBytes: attributes.maxRequestLineBytes,
    fieldBytes: attributes.maxHeaderBytes,
    headBytes: attributes.maxRequestHeadBytes,
    fieldCount: attributes.maxHeaders,
    methodBytes: attributes.maxMethodLength,
  },
  responseLimits: {
    startLineBytes: attributes.maxRequestLineBytes,
    fieldBytes: attributes.maxHeaderBytes,
    headBytes: attributes.maxResponseHeadBytes,
    fieldCount: attributes.maxHeaders,
    methodBytes: attributes.maxMethodLength,
  },
  requestHeadTimeoutMs: attributes.requestHeadTimeout * 1000,
  requestBodyTimeoutMs: attributes.requestBodyTimeout * 1000,
  requestBodyBytesPerSecond: attributes.requestBodyRate,
  readAheadMaxBytes: attributes.maxReadAheadBytes,
  unreadBodyMaxBytes: attributes.maxUnreadBodyBytes,
  unreadBodyTimeoutMs: attributes.unreadBodyTimeout * 1000,
  lingerMs: attributes.lingerTimeout * 1000,
});
