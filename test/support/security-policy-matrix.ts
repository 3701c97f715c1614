// What AWS documents of its predefined security policies, and what the TLS library in Bun was seen to do: the expected
// side of every test of policies. Written from the documents, not from policies/tls/ or src/: a mistake there must not be
// repeated here.
//
// AWS: "SSL negotiation configurations for Classic Load Balancers" (names and order of the ciphers), "Predefined SSL
// security policies for Classic Load Balancers", the output of DescribeLoadBalancerPolicies for what that page has no more,
// "Security policies for your Application Load Balancer" for the names with TLS13. Numbers: IANA, "TLS Cipher Suites".
import type { ProbeVersion } from "./tls-probe.ts";

/** The cipher attributes of a Classic Load Balancer: AWS's order, IANA's number, OpenSSL's name. */
const table = `
 1 c02b ECDHE-ECDSA-AES128-GCM-SHA256
 2 c02f ECDHE-RSA-AES128-GCM-SHA256
 3 c023 ECDHE-ECDSA-AES128-SHA256
 4 c027 ECDHE-RSA-AES128-SHA256
 5 c009 ECDHE-ECDSA-AES128-SHA
 6 c013 ECDHE-RSA-AES128-SHA
 7 0033 DHE-RSA-AES128-SHA
 8 c02c ECDHE-ECDSA-AES256-GCM-SHA384
 9 c030 ECDHE-RSA-AES256-GCM-SHA384
10 c024 ECDHE-ECDSA-AES256-SHA384
11 c028 ECDHE-RSA-AES256-SHA384
12 c014 ECDHE-RSA-AES256-SHA
13 c00a ECDHE-ECDSA-AES256-SHA
14 009c AES128-GCM-SHA256
15 003c AES128-SHA256
16 002f AES128-SHA
17 009d AES256-GCM-SHA384
18 003d AES256-SHA256
19 0035 AES256-SHA
20 0032 DHE-DSS-AES128-SHA
21 0041 CAMELLIA128-SHA
22 0016 EDH-RSA-DES-CBC3-SHA
23 000a DES-CBC3-SHA
24 c011 ECDHE-RSA-RC4-SHA
25 0005 RC4-SHA
26 c007 ECDHE-ECDSA-RC4-SHA
27 00a3 DHE-DSS-AES256-GCM-SHA384
28 009f DHE-RSA-AES256-GCM-SHA384
29 006b DHE-RSA-AES256-SHA256
30 006a DHE-DSS-AES256-SHA256
31 0039 DHE-RSA-AES256-SHA
32 0038 DHE-DSS-AES256-SHA
33 0088 DHE-RSA-CAMELLIA256-SHA
34 0087 DHE-DSS-CAMELLIA256-SHA
35 0084 CAMELLIA256-SHA
36 0013 EDH-DSS-DES-CBC3-SHA
37 00a2 DHE-DSS-AES128-GCM-SHA256
38 009e DHE-RSA-AES128-GCM-SHA256
39 0067 DHE-RSA-AES128-SHA256
40 0040 DHE-DSS-AES128-SHA256
41 0045 DHE-RSA-CAMELLIA128-SHA
42 0044 DHE-DSS-CAMELLIA128-SHA
43 00a6 ADH-AES128-GCM-SHA256
44 0034 ADH-AES128-SHA
45 006c ADH-AES128-SHA256
46 00a7 ADH-AES256-GCM-SHA384
47 003a ADH-AES256-SHA
48 006d ADH-AES256-SHA256
49 0046 ADH-CAMELLIA128-SHA
50 0089 ADH-CAMELLIA256-SHA
51 001b ADH-DES-CBC3-SHA
52 001a ADH-DES-CBC-SHA
53 0018 ADH-RC4-MD5
54 009b ADH-SEED-SHA
55 0009 DES-CBC-SHA
56 0099 DHE-DSS-SEED-SHA
57 009a DHE-RSA-SEED-SHA
58 0012 EDH-DSS-DES-CBC-SHA
59 0015 EDH-RSA-DES-CBC-SHA
60 0007 IDEA-CBC-SHA
61 0004 RC4-MD5
62 0096 SEED-SHA
63 - DES-CBC3-MD5
64 - DES-CBC-MD5
65 - RC2-CBC-MD5
66 008d PSK-AES256-CBC-SHA
67 008b PSK-3DES-EDE-CBC-SHA
68 001f KRB5-DES-CBC3-SHA
69 0023 KRB5-DES-CBC3-MD5
70 008c PSK-AES128-CBC-SHA
71 008a PSK-RC4-SHA
72 0020 KRB5-RC4-SHA
73 0024 KRB5-RC4-MD5
74 001e KRB5-DES-CBC-SHA
75 0022 KRB5-DES-CBC-MD5
76 0014 EXP-EDH-RSA-DES-CBC-SHA
77 0011 EXP-EDH-DSS-DES-CBC-SHA
78 0019 EXP-ADH-DES-CBC-SHA
79 0008 EXP-DES-CBC-SHA
80 0006 EXP-RC2-CBC-MD5
81 0027 EXP-KRB5-RC2-CBC-SHA
82 0026 EXP-KRB5-DES-CBC-SHA
83 002a EXP-KRB5-RC2-CBC-MD5
84 0029 EXP-KRB5-DES-CBC-MD5
85 0017 EXP-ADH-RC4-MD5
86 0003 EXP-RC4-MD5
87 0028 EXP-KRB5-RC4-SHA
88 002b EXP-KRB5-RC4-MD5
`;

/** A cipher attribute; `id` is undefined for the suites of SSL 2.0. */
export interface MatrixCipher {
  readonly row: number;
  readonly id: number | undefined;
  readonly name: string;
}

/** All cipher attributes, in AWS's order. */
export const matrixCiphers: ReadonlyArray<MatrixCipher> = table
  .trim()
  .split("\n")
  .map((line) => line.trim().split(/\s+/) as [string, string, string])
  .map(([row, id, name]) => ({ row: Number(row), id: id === "-" ? undefined : Number.parseInt(id, 16), name }));

/** The suites of TLS 1.3 (RFC 8446 §B.4); the library has the first three. */
export const matrixSuites13: ReadonlyArray<readonly [id: number, name: string]> = [
  [0x1301, "TLS_AES_128_GCM_SHA256"],
  [0x1302, "TLS_AES_256_GCM_SHA384"],
  [0x1303, "TLS_CHACHA20_POLY1305_SHA256"],
  [0x1304, "TLS_AES_128_CCM_SHA256"],
  [0x1305, "TLS_AES_128_CCM_8_SHA256"],
];

/** Suites of the library that no predefined policy names (RFC 7905). */
export const matrixStrangers: ReadonlyArray<readonly [id: number, name: string]> = [
  [0xcca9, "ECDHE-ECDSA-CHACHA20-POLY1305"],
  [0xcca8, "ECDHE-RSA-CHACHA20-POLY1305"],
  [0xc035, "ECDHE-PSK-AES128-CBC-SHA"],
];

/** Rows of the suites up to TLS 1.2 that the library has, and of those the ones that came with TLS 1.2. */
export const libraryRows: ReadonlyArray<number> = [1, 2, 3, 4, 5, 6, 8, 9, 12, 13, 14, 16, 17, 19, 23];
export const tls12Rows: ReadonlyArray<number> = [1, 2, 3, 4, 8, 9, 14, 17];

/** Rows of the suites that need an ECDSA certificate; the others of the library need an RSA one. */
export const ecdsaRows: ReadonlyArray<number> = [1, 3, 5, 8, 13];

const from = (first: number, last: number): ReadonlyArray<number> =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** A predefined policy: the versions that it names, whose order decides up to TLS 1.2, and its rows in order. */
export interface MatrixPolicy {
  readonly versions: ReadonlyArray<ProbeVersion>;
  /** `Server-Defined-Cipher-Order`: off in what came before ELBSecurityPolicy-2014-01. */
  readonly hasServerOrder: boolean;
  readonly rows: ReadonlyArray<number>;
  readonly aliases?: ReadonlyArray<string>;
}

const forwardSecret = [1, 2, 3, 4, 8, 9, 10, 11];
const general = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
/** The page of the Application Load Balancer has rows 12 and 13 the other way round. */
const extended = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 12, 14, 15, 16, 17, 18, 19];
const first = [7, 16, 19, 20, 21, 22, 23, 25, ...from(31, 36), 41, 42];

/** Every predefined policy. */
export const matrixPolicies: Readonly<Record<string, MatrixPolicy>> = {
  "ELBSecurityPolicy-TLS-1-2-2017-01": {
    versions: ["TLSv1.2"],
    hasServerOrder: true,
    rows: [1, 2, 3, 4, 8, 9, 10, 11, 14, 15, 17, 18],
  },
  "ELBSecurityPolicy-TLS-1-1-2017-01": { versions: ["TLSv1.1", "TLSv1.2"], hasServerOrder: true, rows: general },
  "ELBSecurityPolicy-2016-08": { versions: ["TLSv1", "TLSv1.1", "TLSv1.2"], hasServerOrder: true, rows: general },
  "ELBSecurityPolicy-2015-05": {
    versions: ["TLSv1", "TLSv1.1", "TLSv1.2"],
    hasServerOrder: true,
    rows: [...general, 23],
  },
  "ELBSecurityPolicy-2015-03": {
    versions: ["TLSv1", "TLSv1.1", "TLSv1.2"],
    hasServerOrder: true,
    rows: [...from(1, 20), 23],
  },
  "ELBSecurityPolicy-2015-02": { versions: ["TLSv1", "TLSv1.1", "TLSv1.2"], hasServerOrder: true, rows: from(1, 20) },
  "ELBSecurityPolicy-2014-10": {
    versions: ["TLSv1", "TLSv1.1", "TLSv1.2"],
    hasServerOrder: true,
    rows: [...from(1, 20), 24, 25],
  },
  "ELBSecurityPolicy-2014-01": {
    versions: ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"],
    hasServerOrder: true,
    rows: [...from(1, 20), 24, 25],
  },
  "ELBSecurityPolicy-2011-08": { versions: ["SSLv3", "TLSv1"], hasServerOrder: false, rows: first },
  "ELBSample-ELBDefaultCipherPolicy": {
    versions: ["SSLv3", "TLSv1"],
    hasServerOrder: false,
    rows: [...first, ...from(55, 59), 61, 62, ...from(66, 77), ...from(79, 84), ...from(86, 88)],
    aliases: ["ELBSample-ELBDefaultNegotiationPolicy"],
  },
  "ELBSample-OpenSSLDefaultCipherPolicy": {
    versions: ["SSLv3", "TLSv1"],
    hasServerOrder: false,
    rows: [16, 19, 23, 25, 61],
    aliases: ["ELBSample-OpenSSLDefaultNegotiationPolicy"],
  },
  "ELBSecurityPolicy-TLS13-1-3-2021-06": { versions: ["TLSv1.3"], hasServerOrder: true, rows: [] },
  "ELBSecurityPolicy-TLS13-1-2-2021-06": {
    versions: ["TLSv1.2", "TLSv1.3"],
    hasServerOrder: true,
    rows: forwardSecret,
  },
  "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": {
    versions: ["TLSv1.2", "TLSv1.3"],
    hasServerOrder: true,
    rows: [1, 2, 8, 9],
  },
  "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06": {
    versions: ["TLSv1.2", "TLSv1.3"],
    hasServerOrder: true,
    rows: [...forwardSecret, 14, 15, 17, 18],
  },
  "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06": {
    versions: ["TLSv1.2", "TLSv1.3"],
    hasServerOrder: true,
    rows: extended,
  },
  "ELBSecurityPolicy-TLS13-1-1-2021-06": {
    versions: ["TLSv1.1", "TLSv1.2", "TLSv1.3"],
    hasServerOrder: true,
    rows: extended,
  },
  "ELBSecurityPolicy-TLS13-1-0-2021-06": {
    versions: ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
    hasServerOrder: true,
    rows: extended,
  },
};
