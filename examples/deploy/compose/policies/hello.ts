// A policy of one's own: a header in every answer. Save it with another value, and the next answer has that.
import { definePolicy, Schema } from "elbow";

export default definePolicy({
  type: "hello",
  attributes: Schema.Struct({ text: Schema.String }),
  responseHead: ({ text }) => ({ set: { "X-Hello": text } }),
});
