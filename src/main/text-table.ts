// Tables for a terminal: columns as wide as their widest cell, lines no longer than the terminal. Made for `elbow status`;
// it owns widths, cutting and colour, and knows nothing of what it shows. Control characters never reach the terminal.

import { printableLine } from "../observe/log.ts";

/** What a cell may be coloured with, for what it means. */
export type Tone = "plain" | "faint" | "good" | "bad" | "odd" | "head";

/** A cell; numbers stand to the right. */
export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
  readonly isNumber?: boolean;
}

/** How text is laid out. */
export interface Layout {
  /** In columns of the terminal. */
  readonly width: number;
  readonly isColoured: boolean;
}

const codes: Readonly<Record<Tone, string>> = {
  plain: "",
  faint: "\x1b[2m",
  good: "\x1b[32m",
  bad: "\x1b[31m",
  odd: "\x1b[33m",
  head: "\x1b[1m",
};

const gap = "  ";

/** A line of cells one behind the other, with an ellipsis where the terminal ends before it. */
export const formatLine = (cells: ReadonlyArray<Cell>, { width, isColoured }: Layout): string => {
  const texts = cells.map(({ text }) => printableLine(text));
  // Blanks at the end are no part of it.
  const isWhole = Bun.stringWidth(texts.join("").trimEnd()) <= width;
  let room = isWhole ? Number.POSITIVE_INFINITY : width - 1;
  let line = "";
  for (const [index, text] of texts.entries()) {
    const shown = cut(text, room);
    room -= Bun.stringWidth(shown);
    const code = isColoured && shown.trim() !== "" ? codes[cells[index]?.tone ?? "plain"] : "";
    line += code === "" ? shown : `${code}${shown}\x1b[0m`;
    if (shown !== text) break;
  }
  return isWhole ? line.trimEnd() : `${line}…`;
};

/** The lines of a table, every column as wide as it must be, indented. Rows may be shorter than the first. */
export const formatTable = (rows: ReadonlyArray<ReadonlyArray<Cell>>, layout: Layout): ReadonlyArray<string> => {
  const widths = measureColumns(rows);
  return rows.map((row) =>
    formatLine([{ text: gap }, ...row.flatMap((cell, column) => fill(cell, widths[column]!))], layout),
  );
};

/** How wide a table is where nothing is cut. */
export const measureTable = (rows: ReadonlyArray<ReadonlyArray<Cell>>): number =>
  measureColumns(rows).reduce((sum, width) => sum + gap.length + width, 0);

const measureColumns = (rows: ReadonlyArray<ReadonlyArray<Cell>>): ReadonlyArray<number> =>
  Array.from({ length: rows.reduce((most, row) => Math.max(most, row.length), 0) }, (_, column) =>
    rows.reduce((widest, row) => Math.max(widest, Bun.stringWidth(printableLine(row[column]?.text ?? ""))), 0),
  );

/** A cell as wide as its column, and the gap behind it. */
const fill = (cell: Cell, width: number): ReadonlyArray<Cell> => {
  const blank = " ".repeat(Math.max(0, width - Bun.stringWidth(printableLine(cell.text))));
  return cell.isNumber === true ? [{ text: blank }, cell, { text: gap }] : [cell, { text: blank + gap }];
};

/** The part of a text that has room. */
const cut = (text: string, room: number): string => {
  if (Bun.stringWidth(text) <= room) return text;
  let shown = "";
  for (const { segment } of graphemes.segment(text)) {
    if (Bun.stringWidth(shown + segment) > room) break;
    shown += segment;
  }
  return shown;
};

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
