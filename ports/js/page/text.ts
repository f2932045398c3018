/** The words and figures of a policy and of a result. */

import { REASONS, type Result, Runtime } from "../src/index.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [600, 80];

/** What a policy means, one sentence each. */
export function policyFacts({ policy, width, prototypes }: Runtime): string[] {
  const sensitive = listed(policy.sensitive);
  const stay = policy.required.length > 1 ? "stay" : "stays";
  return [
    `${capital(listed(policy.required))} ${stay} recognisable.`,
    `${capital(sensitive)} utterances are released as ${policy.neutral}: an attacker must not ` +
      "distinguish them.",
    policy.hide.length
      ? `An attacker must not infer ${listed(policy.hide)} from the released vectors.`
      : "No attribute of the speaker is hidden.",
    `A released vector has ${width} numbers.`,
    ...(prototypes ? [`It is one of ${prototypes} vectors in the bundle.`] : []),
    policy.perDay === null
      ? "No limit on vectors a day: an attacker with many vectors of one speaker infers more."
      : `At most ${policy.perDay} vectors are released a day. This page counts as a device does.`,
  ];
}

/** One result as an item of a list. */
export function resultItem(result: Result, number: number, runtime: Runtime): HTMLLIElement {
  const item = document.createElement("li");
  const title = document.createElement("strong");
  if ("reason" in result) {
    title.textContent = `Utterance ${number}: nothing would be sent`;
    item.append(title, `: ${REASONS[result.reason]}.`);
    return item;
  }
  const { vector } = result;
  title.textContent = `Utterance ${number}: ${vector.length} numbers would be sent`;
  const row = runtime.prototypeOf(vector);
  const kind = row === null ? "" : `, vector ${row + 1} of the ${runtime.prototypes} in the bundle`;
  item.append(title, `, ${4 * vector.length} bytes${kind}.`, bars(vector, number), numbers(vector));
  return item;
}

/** The numbers as bars from zero. */
function bars(vector: Float32Array, number: number): SVGSVGElement {
  const figure = document.createElementNS(SVG, "svg");
  figure.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  figure.setAttribute("preserveAspectRatio", "none");
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", `The numbers of utterance ${number} as bars`);
  const largest = Math.max(...vector.map(Math.abs)) || 1;
  const step = WIDTH / vector.length;
  vector.forEach((value, at) => {
    const size = (Math.abs(value) / largest) * (HEIGHT / 2 - 1);
    figure.append(shape("rect", {
      x: at * step, y: value > 0 ? HEIGHT / 2 - size : HEIGHT / 2, width: 0.8 * step, height: size,
    }));
  });
  figure.append(shape("line", { x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }));
  return figure;
}

function shape(name: string, attributes: { [name: string]: number }): SVGElement {
  const part = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value.toFixed(2));
  return part;
}

function numbers(vector: Float32Array): HTMLDetailsElement {
  const details = document.createElement("details");
  const title = document.createElement("summary");
  title.textContent = "Show the numbers";
  const text = document.createElement("p");
  text.className = "numbers";
  text.textContent = Array.from(vector, (value) => value.toPrecision(4)).join(", ");
  details.append(title, text);
  return details;
}

function listed(names: readonly string[]): string {
  return names.join(" and ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
