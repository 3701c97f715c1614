/**
 * ProxyProtocolPolicyType: tells an instance whose connection it gets, in a header before the client's first byte (AWS,
 * "Configure proxy protocol with a Classic Load Balancer"). For instance ports of TCP and SSL listeners.
 * Owns its attributes, of which the version is not AWS's; never writes a header itself.
 */
import { definePolicy, Schema } from "elbow";

const aSwitch = { title: "a switch", expected: "true or false" };
const aVersion = { title: "a version of the PROXY protocol", expected: "1 or 2" };

/** AWS's tools send texts. */
const Switch = Schema.Union([
  Schema.Boolean,
  Schema.Literals(["true", "false"]).transform([true, false]).annotate(aSwitch),
]).annotate(aSwitch);

const Version = Schema.Union([
  Schema.Literals([1, 2]).annotate(aVersion),
  Schema.Literals(["1", "2"]).transform([1, 2]).annotate(aVersion),
]).annotate(aVersion);

export default definePolicy({
  type: "ProxyProtocolPolicyType",
  attributes: Schema.Struct({
    /** Whether a header is sent at all. */
    ProxyProtocol: Switch,
    /** 1, a line of text, as AWS sends it, when left out; 2, which is binary, also says what TLS settled. */
    ProxyProtocolVersion: Schema.optionalKey(Version),
  }),
  backendPreamble: ({ ProxyProtocol, ProxyProtocolVersion = 1 }, connection, { writeProxyHeader }) =>
    ProxyProtocol ? writeProxyHeader(ProxyProtocolVersion, connection) : undefined,
});
