declare const brand: unique symbol;

/** A nominal type over a plain one: two brands of the same type do not mix. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
