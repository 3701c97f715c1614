// What an operator should know now, in words: one line of the process's log each, and to whoever observes.
//
// For what no request and no reload can be blamed for, such as an instance that shows another key than it should. Owns
// the list of observers; how often something is worth saying is for whoever says it to judge.

import { type LogLevel, log } from "./log.ts";

/** Takes a notice: one line without its end. */
export type NoticeObserver = (text: string) => void;

const observers = new Set<NoticeObserver>();

/** Tells an observer of every notice until the returned function is called. */
export const observeNotices = (observer: NoticeObserver): (() => void) => {
  observers.add(observer);
  return () => {
    observers.delete(observer);
  };
};

/** Says a line in the log, as a warning where no level is named, and to every observer. */
export const tellNotice = (text: string, level: LogLevel = "warn"): void => {
  log(level, text);
  for (const observer of observers) observer(text);
};
