/**
 * The predefined security policies, by name and alias.
 * Asked when a configuration is loaded and by `elbow policy`; owns which modules of policies/tls/ are built in.
 * Never says what the library makes of one: effective-policy.ts does.
 */
import elbSampleElbDefaultCipherPolicy from "../../policies/tls/elb-sample-elb-default-cipher-policy.ts";
import elbSampleOpensslDefaultCipherPolicy from "../../policies/tls/elb-sample-openssl-default-cipher-policy.ts";
import elbSecurityPolicy_2011_08 from "../../policies/tls/elb-security-policy-2011-08.ts";
import elbSecurityPolicy_2014_01 from "../../policies/tls/elb-security-policy-2014-01.ts";
import elbSecurityPolicy_2014_10 from "../../policies/tls/elb-security-policy-2014-10.ts";
import elbSecurityPolicy_2015_02 from "../../policies/tls/elb-security-policy-2015-02.ts";
import elbSecurityPolicy_2015_03 from "../../policies/tls/elb-security-policy-2015-03.ts";
import elbSecurityPolicy_2015_05 from "../../policies/tls/elb-security-policy-2015-05.ts";
import elbSecurityPolicy_2016_08 from "../../policies/tls/elb-security-policy-2016-08.ts";
import elbSecurityPolicyTls_1_1_2017_01 from "../../policies/tls/elb-security-policy-tls-1-1-2017-01.ts";
import elbSecurityPolicyTls_1_2_2017_01 from "../../policies/tls/elb-security-policy-tls-1-2-2017-01.ts";
import elbSecurityPolicyTls13_1_0_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-0-2021-06.ts";
import elbSecurityPolicyTls13_1_1_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-1-2021-06.ts";
import elbSecurityPolicyTls13_1_2_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-2-2021-06.ts";
import elbSecurityPolicyTls13_1_2Ext1_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-2-ext1-2021-06.ts";
import elbSecurityPolicyTls13_1_2Ext2_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-2-ext2-2021-06.ts";
import elbSecurityPolicyTls13_1_2Res_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-2-res-2021-06.ts";
import elbSecurityPolicyTls13_1_3_2021_06 from "../../policies/tls/elb-security-policy-tls13-1-3-2021-06.ts";
import type { SecurityPolicy } from "../model/security-policy.ts";

/** Every predefined policy: the newer names first, then those of the Classic Load Balancer from the newest back. */
export const securityPolicies: ReadonlyArray<SecurityPolicy> = [
  elbSecurityPolicyTls13_1_3_2021_06,
  elbSecurityPolicyTls13_1_2Res_2021_06,
  elbSecurityPolicyTls13_1_2_2021_06,
  elbSecurityPolicyTls13_1_2Ext1_2021_06,
  elbSecurityPolicyTls13_1_2Ext2_2021_06,
  elbSecurityPolicyTls13_1_1_2021_06,
  elbSecurityPolicyTls13_1_0_2021_06,
  elbSecurityPolicyTls_1_2_2017_01,
  elbSecurityPolicyTls_1_1_2017_01,
  elbSecurityPolicy_2016_08,
  elbSecurityPolicy_2015_05,
  elbSecurityPolicy_2015_03,
  elbSecurityPolicy_2015_02,
  elbSecurityPolicy_2014_10,
  elbSecurityPolicy_2014_01,
  elbSecurityPolicy_2011_08,
  elbSampleElbDefaultCipherPolicy,
  elbSampleOpensslDefaultCipherPolicy,
];

const byName: ReadonlyMap<string, SecurityPolicy> = new Map(
  securityPolicies.flatMap((policy) => [policy.name, ...(policy.aliases ?? [])].map((name) => [name, policy] as const)),
);

/** The predefined policy of this name or alias; case matters, as it does at AWS. */
export const findSecurityPolicy = (name: string): SecurityPolicy | undefined => byName.get(name);

/** The names and aliases of all predefined policies. */
export const securityPolicyNames: ReadonlyArray<string> = [...byName.keys()];

/** What listeners of a configuration file get that name no policy: exact, strict, and whole in the library. */
export const defaultSecurityPolicy: SecurityPolicy = elbSecurityPolicyTls13_1_2Res_2021_06;
