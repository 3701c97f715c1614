// The page at /docs: the OpenAPI document to read and to try, in one file that loads nothing from anywhere.
//
// Behind GET /docs. Its script and style stand beside it and are part of the program; the browser is told to run these and
// nothing else. Owns the page and its policy; the document comes from openapi.ts.
import { createHash } from "node:crypto";
import script from "./docs-page-script.txt" with { type: "text" };
import style from "./docs-page-style.txt" with { type: "text" };

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The page's Content-Security-Policy (Content Security Policy Level 3, W3C): its own script and style, its own server. */
export const docsPolicy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The whole page for a document. */
export const docsPage = (document: object): string => {
  // In HTML a script ends at the first `</script`, whatever stands around it (HTML Standard, "Restrictions for contents of
  // script elements").
  const embedded = JSON.stringify(document).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>elbow management API</title>
<style>${style}</style>
</head>
<body>
<h1>elbow management API</h1>
<p>What a running elbow can be asked. <a href="/openapi.json">/openapi.json</a> has the same for programs.</p>
<p><label>Token, where one is set: <input id="token" type="password" autocomplete="off"></label></p>
<noscript><p>This page needs JavaScript; /openapi.json does not.</p></noscript>
<main id="main"></main>
<script id="document" type="application/json">${embedded}</script>
<script>${script}</script>
</body>
</html>
`;
};
