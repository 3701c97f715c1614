// What the management surface shows and changes, as main/ hands it over: the one thing that admin/ knows of the process.
//
// Made by main/serve.ts, read by every operation. Owns the shape; nothing here decides anything.
import type { Control } from "../control/control.ts";
import type { ReloadReport } from "../control/reload-report.ts";
import type { MetricFamily } from "../observe/metrics.ts";

/** Where the process stands: listeners not yet up, in service, or letting open connections finish before it ends. */
export type Readiness = "starting" | "serving" | "draining";

/** What may be asked of the load balancers through the API; see {@link Control}. */
type AdminControl = Pick<Control["Service"], "status" | "register" | "deregister" | "drain" | "undrain">;

/** What the management surface shows and changes; what is read is read anew for every request and must be cheap. */
export interface AdminSources {
  readonly version: string;
  /** When the process started; ISO 8601. */
  readonly startedAt: string;
  /** What the configuration comes from, as the start-up table has it. */
  readonly source: string;
  readonly readiness: () => Readiness;
  readonly metrics: () => ReadonlyArray<MetricFamily>;
  readonly control: AdminControl;
  /** Reloads the configuration; undefined where there is nothing to reload. */
  readonly reload: () => Promise<ReloadReport | undefined>;
  /** How the last reload ended; undefined before the first. */
  readonly lastReload: () => ReloadReport | undefined;
}
