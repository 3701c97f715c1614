// Reads Markdown as the documentation tests need it: links, headings, code, tables. Knows the few constructs that these
// pages use, and GitHub's rule for the anchors of headings; it is no general parser.

/** A link to somewhere in the repository. */
export interface DocumentLink {
  /** What stands between the brackets. */
  readonly text: string;
  /** The path as written, relative to the page; empty for a link within the page. */
  readonly path: string;
  /** Behind `#`, or undefined. */
  readonly anchor: string | undefined;
}

const fence = /^ {0,3}(`{3,})([^\n`]*)\n([\s\S]*?)^ {0,3}\1`* *$/gm;

/** The page without its fenced code. */
export const proseOf = (page: string): string => page.replace(fence, "");

/** Fenced code, with the language behind the fence. */
export const codeBlocksOf = (page: string): ReadonlyArray<{ readonly language: string; readonly code: string }> =>
  [...page.matchAll(fence)].map(([, , language = "", code = ""]) => ({ language: language.trim(), code }));

/** Code spans of the prose, in its order. */
export const codeSpansOf = (page: string): ReadonlyArray<string> =>
  [...proseOf(page).matchAll(/(`+)(.+?)\1/g)].map(([, , code = ""]) => code.trim());

/** Links that stay in the repository. */
export const linksOf = (page: string): ReadonlyArray<DocumentLink> =>
  [...proseOf(page).matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)]
    .filter(([, , target = ""]) => !/^[a-z]+:/i.test(target))
    .map(([, text = "", target = ""]) => {
      const [path = "", anchor] = target.split("#");
      return { text, path, anchor };
    });

/** The anchors of a page's headings, as GitHub makes them. */
export const anchorsOf = (page: string): ReadonlySet<string> => {
  const seen = new Map<string, number>();
  const anchors = [...proseOf(page).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = ""]) => {
    const slug = heading
      .replace(/\[([^\]]+)\]\([^)]+\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    const earlier = seen.get(slug) ?? 0;
    seen.set(slug, earlier + 1);
    return earlier === 0 ? slug : `${slug}-${earlier}`;
  });
  return new Set(anchors);
};

/** The cells of every table row of a page, headings and rulers included. */
export const tableRowsOf = (page: string): ReadonlyArray<ReadonlyArray<string>> =>
  [...proseOf(page).matchAll(/^\|(.*)\|$/gm)].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));

/**
 * Whether a TypeScript source declares a name: at its top, or as a member of a class, an interface or an object. A call
 * or any other mention of the name is no declaration.
 */
export const isDeclared = (source: string, name: string): boolean => {
  const modifiers =
    "(?:/\\*\\* @internal \\*/ )?(?:(?:private|protected|static|readonly|override|abstract|async|get|set) )*";
  return [
    `^(?:export )?(?:abstract )?(?:const|let|class|interface|type|enum|(?:async )?function) ${name}\\b`,
    // A property, with its type or value.
    `^ +${modifiers}${name}\\??: `,
    `(?:[{,] )${name}: `,
    `^ +(?:(?:private|static|readonly|override) )+${name} = `,
    // A method, in one line or with its parameters on lines of their own.
    `^ +${modifiers}${name}(?:<.*>)?\\([^()]*\\)(?:: [^=]+)?(?: \\{|;)$`,
    `^ +${modifiers}${name}(?:<.*>)?\\($`,
  ].some((pattern) => new RegExp(pattern, "m").test(source));
};

/** Whether a source gives a name this value, as a constant or as a property. */
export const isAssigned = (source: string, name: string, value: string): boolean => {
  const literal = value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`\\b${name}(?: =|:) ${literal}(?=[;,\\s])`).test(source);
};
