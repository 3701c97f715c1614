/**
 * Port numbers, as Schemas.
 * Used by listeners, instances and the management server; owns the range and its wording.
 * Never asks whether a port is free: only the kernel knows.
 */
import { Schema } from "effect";
import { type Description, described } from "./described.ts";

/** What a port is called in messages. */
export const portDescription: Description = { title: "a port", expected: "a whole number from 1 to 65535" };

/** Whether a number is a TCP port that can be dialled: a whole number from 1 to 65535. */
export const isPort = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 65_535;

/** A port to dial, 1–65535. */
export const Port = described(Schema.Number, portDescription, isPort);

/**
 * A port to listen on. 0, "any free port", has the right shape; the rules of the configuration let only tests have it.
 */
export const ListenPort = described(Schema.Number, portDescription, (value) => value === 0 || isPort(value));
