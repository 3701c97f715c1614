/**
 * PublicKeyPolicyType: one public key that an instance may prove to own (AWS: "Create a Classic Load Balancer with an
 * HTTPS listener", back-end server authentication). Named by BackendServerAuthenticationPolicyType policies only.
 * Owns its attribute; never decides anything by itself.
 */
import { definePolicy, Schema } from "elbow";

export default definePolicy({
  type: "PublicKeyPolicyType",
  attributes: Schema.Struct({
    /** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in base64: a PEM public key without its first and last line. */
    PublicKey: Schema.String.annotate({
      title: "a public key",
      expected: "the base64 text that `openssl x509 -in FILE -pubkey -noout` prints",
    }),
  }),
});
