// The report: the page with the values that stand in the file itself.

import { show } from "./page.js";

show(document.getElementById("page"), JSON.parse(document.getElementById("values").textContent));
