/** What constructors inject by `@Inject(TOKEN)`: ports are interfaces, so they need a name at run time. */

export const PLATFORM = Symbol('Platform');
export const EVENT_STORE = Symbol('EventStore');
export const READ_MODELS = Symbol('ReadModels');
export const CLOCK = Symbol('Clock');
