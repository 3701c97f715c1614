/**
 * BackendServerAuthenticationPolicyType: an instance gets traffic only if its public key is one of those that the named
 * PublicKeyPolicyType policies have (AWS: "Create a Classic Load Balancer with an HTTPS listener").
 * The key alone counts: names, dates and who signed the certificate don't. Never sees a byte of traffic.
 */
import { definePolicy, type PublicKey, Schema } from "elbow";

const names = {
  title: "a list of PublicKeyPolicyType policies",
  expected: 'at least one name, such as ["key1"]',
};

const isSameKey = (one: PublicKey, other: PublicKey): boolean =>
  one.spki.length === other.spki.length && one.spki.every((byte, index) => byte === other.spki[index]);

export default definePolicy({
  type: "BackendServerAuthenticationPolicyType",
  attributes: Schema.Struct({
    /** The names of PublicKeyPolicyType policies; any one of their keys is enough. */
    PublicKeyPolicyName: Schema.Array(
      Schema.String.annotate({ title: "the name of a PublicKeyPolicyType policy", expected: "a text" }),
    )
      .annotate(names)
      .check(Schema.makeFilter((list) => list.length > 0, names)),
  }),
  authenticateBackend: (trusted, offered) => trusted.some((key) => isSameKey(key, offered)),
});
