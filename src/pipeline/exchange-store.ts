// Exchanges that nobody uses now: one is taken when a request's first byte comes and put back when its connection has
// nothing under way, so that an idle connection holds none and a busy one makes none.
import { Exchange } from "./exchange.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";

const spare: Array<Exchange> = [];
const spareMax = 256;

/** An exchange for the next request of a client's connection. */
export const takeExchange = (owner: ExchangeOwner): Exchange => {
  const exchange = spare.pop() ?? new Exchange();
  exchange.owner = owner;
  return exchange;
};

/** Puts back an exchange that nothing uses any more. */
export const giveBackExchange = (exchange: Exchange): void => {
  exchange.reset();
  if (spare.length < spareMax) spare.push(exchange);
};
