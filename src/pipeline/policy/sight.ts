// Whether a hook can look at its context at all.
//
// Most policies that set a header need nothing but their attributes. What no hook can look at isn't made: fresh memory for
// each request is most of what such a policy would cost.

/**
 * An arrow function of at most one parameter, a name or a flat pattern: no default or rest among them could take more, and it
 * has no `arguments` of its own. Anything else may look.
 */
const blindArrow = /^(?:[\w$]+|\(\s*(?:[\w$]+|\{[\w$\s,:]*\})?\s*\))\s*=>/;

/** Whether a hook may look at its second argument; judged by its own words, since what is left out must be safe to leave out. */
export const seesContext = (hook: unknown): boolean =>
  typeof hook === "function" && !blindArrow.test(Function.prototype.toString.call(hook));
