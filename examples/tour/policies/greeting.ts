// A policy: a header in every answer that goes to a client.
import { definePolicy, Schema } from "elbow";

export default definePolicy({
  type: "greeting",
  attributes: Schema.Struct({ to: Schema.String }),
  responseHead: ({ to }) => ({ set: { "X-Greeting": `hello, ${to}` } }),
});
