/** `1 line`, `2,000 lines`. */
export const count = (of: number, what: string): string => `${of.toLocaleString('en')} ${what}${of === 1 ? '' : 's'}`;
