// What a serving process is made of, behind one dynamic import: the program and the live layers it runs on. It sits
// between the command line and the rest of elbow so that quick commands load none of it. It owns no behaviour.

import { Layer } from "effect";
import { Control } from "../control/control.ts";
import { Signals } from "./signals.ts";

export { serve } from "./serve.ts";

/** The live services of a serving process. */
export const layerServing = Layer.merge(Control.layer, Signals.layerProcess);
