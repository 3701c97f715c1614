// Tables for a terminal: columns as wide as their widest cell, lines no longer than the terminal. Made for `elbow status`;
// it owns widths, cutting and colour, and knows nothing of what it shows. Control characters never reach the terminal.

import { printable } from "../observe/log.ts";

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

/** A line of cells one behind the other, cut where the terminal ends. */
export const formatLine = (cells: ReadonlyArray<Cell>, { width, isColoured }: Layout): string => {
  let room = width;
  let line = "";
  for (const { text, tone = "plain" } of cells) {
    const shown = cut(printable(text), room);
    room -= Bun.stringWidth(shown);
    const code = isColoured && shown.trim() !== "" ? codes[tone] : "";
    line += code === "" ? shown : `${code}${shown}\x1b[0m`;
    if (room <= 0) break;
  }
  return line.trimEnd();
};

/** The lines of a table, every column as wide as it must be, indented. Rows may be shorter than the first. */
export const formatTable = (rows: ReadonlyArray<ReadonlyArray<Cell>>, layout: Layout): ReadonlyArray<string> => {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((widest, row) => Math.max(widest, Bun.stringWidth(printable(row[column]?.text ?? ""))), 0),
  );
  return rows.map((row) =>
    formatLine([{ text: gap }, ...row.flatMap((cell, column) => fill(cell, widths[column]!))], layout),
  );
};

/** A cell as wide as its column, and the gap behind it. */
const fill = (cell: Cell, width: number): ReadonlyArray<Cell> => {
  const blank = " ".repeat(Math.max(0, width - Bun.stringWidth(printable(cell.text))));
  return cell.isNumber === true ? [{ text: blank }, cell, { text: gap }] : [cell, { text: blank + gap }];
};

/** The part of a text that has room, with an ellipsis where there is more. */
const cut = (text: string, room: number): string => {
  if (Bun.stringWidth(text) <= room) return text;
  let shown = "";
  for (const { segment } of graphemes.segment(text)) {
    if (Bun.stringWidth(shown + segment) > room - 1) break;
    shown += segment;
  }
  return room <= 0 ? "" : `${shown}…`;
};

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
