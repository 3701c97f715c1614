// Reads the pages of the conformance suites: Markdown in which every `###` is one case. `test/conformance/README.md` says
// how a case is written. It knows the notation, not what the bytes mean.

/** One case of a page. */
export interface ConformanceCase {
  readonly page: string;
  readonly title: string;
  /** The line of the page that the heading stands on. */
  readonly line: number;
  /** What it tests, with its source: the text between the heading and the bytes. */
  readonly citation: string;
  /** The language of the fence that holds the bytes. */
  readonly kind: string;
  readonly bytes: string;
  /** What stands behind `→`, or undefined where there's none. */
  readonly verdict: string | undefined;
  /** Bytes of the other fences, by their language. */
  readonly blocks: ReadonlyMap<string, string>;
  /** The list items `- name: value`, code marks removed and bytes read. */
  readonly facts: ReadonlyMap<string, string>;
}

const named: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "\\": "\\" };

/** Reads `\r`, `\n`, `\t`, `\\`, `\xNN` and `\{text*count}`; anything else stands for itself, and must be ASCII. */
export const readNotation = (text: string): string =>
  text.replace(/\\(?:x([0-9a-f]{2})|\{([^}]*)\*(\d+)\}|(.))|[^\x20-\x7e]/gs, (all, hex, repeated, count, name) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (count !== undefined) return readNotation(repeated).repeat(Number(count));
    const char = named[name];
    if (char === undefined) throw new Error(`no byte is written ${JSON.stringify(all)}`);
    return char;
  });

/** Writes bytes (a character each) in the notation of a block, a line feed beginning a new line of the page. */
export const writeNotation = (bytes: string): string =>
  bytes
    .replace(/[\\\r\n\t]|[^\x20-\x7e]/g, (char) => {
      const name = Object.keys(named).find((key) => named[key] === char);
      return name === undefined ? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}` : `\\${name}`;
    })
    .replace(/(.)\1{79,}/g, (run, char) => `\\{${char}*${run.length}}`)
    .replace(/([^\\{}]{1,40}\\r\\n)\1{9,}/g, (run, line) => `\\{${line}*${run.length / line.length}}`)
    .replace(/\\n(?=[^*])/g, "\\n\n");

/** The bytes of a fence: line breaks of the page are none. */
const readBlock = (lines: ReadonlyArray<string>): string => readNotation(lines.join(""));

const readCase = (page: string, line: number, lines: ReadonlyArray<string>): ConformanceCase => {
  const title = (lines[0] ?? "").slice(4).trim();
  const fail = (what: string): never => {
    throw new Error(`${page}:${line}: ${title}: ${what}`);
  };
  const blocks = new Map<string, string>();
  const facts = new Map<string, string>();
  const citation: Array<string> = [];
  let kind: string | undefined;
  let bytes = "";
  let verdict: string | undefined;
  for (let index = 1; index < lines.length; index++) {
    const text = lines[index] ?? "";
    const fence = /^```(\S+)$/.exec(text);
    const fact = /^- ([^:]+): (.*)$/.exec(text);
    if (fence !== null) {
      const end = lines.indexOf("```", index + 1);
      if (end < 0) fail("a fence has no end");
      const block = readBlock(lines.slice(index + 1, end));
      const language = fence[1] ?? "";
      if (kind === undefined) [kind, bytes] = [language, block];
      else if (blocks.has(language)) fail(`two blocks ${language}`);
      else blocks.set(language, block);
      index = end;
    } else if (text.startsWith("→ ")) {
      if (verdict !== undefined) fail("two verdicts");
      verdict = text.slice(2).trim();
    } else if (fact !== null && kind !== undefined) {
      facts.set(fact[1] as string, readNotation((fact[2] as string).replace(/^`(.*)`$/, "$1")));
    } else if (text.trim() !== "") {
      if (kind !== undefined) fail(`stray text: ${text}`);
      citation.push(text);
    }
  }
  return {
    page,
    title,
    line,
    citation: citation.join("\n"),
    kind: kind ?? fail("no bytes"),
    bytes,
    verdict,
    blocks,
    facts,
  };
};

/** The cases of a page, in its order. */
export const readPage = (page: string, text: string): ReadonlyArray<ConformanceCase> => {
  const lines = text.split("\n");
  const starts = lines.flatMap((line, index) => (line.startsWith("### ") ? [index] : []));
  return starts.map((start, index) => {
    const next = starts[index + 1] ?? lines.length;
    const end = lines.findIndex((line, at) => at > start && at < next && /^##? /.test(line));
    return readCase(page, start + 1, lines.slice(start, end < 0 ? next : end));
  });
};
