const SHOWN_CHARACTERS = 100;

/** What a sender wrote, as a problem quotes it: events and answers hold it, whatever its length. */
export const shown = (text: string): string => text.slice(0, SHOWN_CHARACTERS);
