/**
 * The day that a budget counts, and its change with the clock (`sordino.device.day_count`).
 *
 * A count is a `day`, the vectors `spent` on it, and `lastDay`, the last day with a budget. The two
 * days are the same as long as the clock is plausible. A clock that leaps more than 366 days may
 * be wrong, so it begins a new day but uses one day only. A clock that is set back gives nothing.
 */

import { sha256 } from "../bundle/hash.js";

const LEAP = 366;
const [EARLIEST, LATEST] = ["2020-01-01", "2100-01-01"]; // a clock outside is not set, or wrong
const DAY_MILLISECONDS = 86_400_000;
const LINE = /^(\d{4}-\d{2}-\d{2}) (0|[1-9]\d{0,14})(?: (\d{4}-\d{2}-\d{2}))? ([0-9a-f]{64})\n$/;

/** Vectors `spent` on a `day`; days are texts such as `2026-01-31`. */
export interface DayCount {
  readonly lastDay: string;
  readonly spent: number;
  readonly day: string;
}

/** The count on the day of the clock; null stands for no count yet. */
export function countOn(count: DayCount | null, clock: string): DayCount {
  if (!count) return { lastDay: clock < LATEST ? clock : EARLIEST, spent: 0, day: clock };
  if (clock > count.day) return { lastDay: lastDayUntil(count, clock), spent: 0, day: clock };
  if (clock > count.lastDay && clock !== count.day) return { lastDay: clock, spent: 0, day: clock };
  return count;
}

/** The last day with a budget when the clock has advanced to a later day. */
function lastDayUntil({ day, lastDay }: DayCount, clock: string): string {
  if (day < EARLIEST && EARLIEST <= clock && clock < LATEST) return clock; // set for the first time
  const passed = (Date.parse(clock) - Date.parse(day)) / DAY_MILLISECONDS;
  const steps = passed <= LEAP ? passed : 1;
  return new Date(Date.parse(lastDay) + steps * DAY_MILLISECONDS).toISOString().slice(0, 10);
}

/** One line: day, count, last day if it differs, and a checksum against damage. */
export function countText({ lastDay, spent, day }: DayCount): string {
  const content = `${day} ${spent}${lastDay === day ? "" : ` ${lastDay}`}`;
  return `${content} ${sha256(new TextEncoder().encode(content))}\n`;
}

/** The count of a line that `countText` wrote, byte for byte. Throws `RangeError` otherwise. */
export function parseCount(text: string): DayCount {
  const [, day = "", spent = "", lastDay = day] = LINE.exec(text) ?? [];
  const count = { lastDay, spent: Number(spent), day };
  if (text !== countText(count) || Number.isNaN(Date.parse(day) + Date.parse(lastDay))) {
    throw new RangeError("damaged");
  }
  return count;
}
