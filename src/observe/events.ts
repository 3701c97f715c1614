// What happens to elbow while it runs, as it happens: health changes, reloads, certificates, instances that come and go.
//
// Told by control/ and main/ on slow paths, streamed to whoever asks the management server. Owns the list of observers;
// nothing is kept for those who come later, and no request is ever an event.

/** Something that has happened, in one line. */
export interface FeedEvent {
  readonly type: "health" | "reload" | "certificate" | "instance" | "policy" | "accessLog";
  /** ISO 8601. */
  readonly at: string;
  /** The load balancer, where it is one's affair. */
  readonly loadBalancer?: string;
  /** The instance's id, where it is one's affair. */
  readonly instance?: string;
  /** One line for people. */
  readonly message: string;
}

/** Takes an event; it must be quick and may not throw. */
type EventObserver = (event: FeedEvent) => void;

const observers = new Set<EventObserver>();

/** Tells an observer of every event until the returned function is called. */
export const observeEvents = (observer: EventObserver): (() => void) => {
  observers.add(observer);
  return () => {
    observers.delete(observer);
  };
};

/** Tells every observer that something has happened just now. */
export const tellEvent = (event: Omit<FeedEvent, "at">): void => {
  const whole: FeedEvent = { ...event, at: new Date().toISOString() };
  for (const observer of observers) observer(whole);
};
