/** The package has no types at this path; it is where `@Type` keeps what it was told. */
declare module 'class-transformer/cjs/storage.js' {
  export { defaultMetadataStorage } from 'class-transformer/types/storage.js';
}
