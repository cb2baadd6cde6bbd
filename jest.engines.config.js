import config from './jest.config.js';

/** The suites that need an engine: `npm run test:engines`. */
export default {
  ...config,
  testMatch: ['<rootDir>/{libs,services,proofs,bench,deploy}/**/*.int.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 60_000,
};
