/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'services-never-import-services',
      comment: 'They share libs/ and events only; standalone composes them.',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: '^services/standalone/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    { name: 'libs-never-import-services', severity: 'error', from: { path: '^libs/' }, to: { path: '^services/' } },
    {
      name: 'sqlite-driver-in-one-folder',
      severity: 'error',
      from: { pathNot: '^libs/sqlite/' },
      to: { path: '^(node:)?sqlite$' },
    },
    {
      name: 'duckdb-driver-in-one-folder',
      severity: 'error',
      from: { pathNot: '^libs/usage-store/' },
      to: { path: 'node_modules/@duckdb/' },
    },
    {
      name: 'nest-in-the-shell-only',
      comment: 'Decisions, projections and ports stay plain functions.',
      severity: 'error',
      from: { pathNot: '(^libs/platform/|\\.module\\.ts$|\\.controller\\.ts$|/main\\.ts$|\\.spec\\.ts$|/testing/)' },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'decisions-import-only-the-language',
      comment: 'An aggregate file (no role suffix, beside its controller) must not reach the shell, a store or a driver.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/.*\\.projection\\.ts$' },
      to: { path: '^libs/(platform|sqlite|messaging|usage-store)/' },
    },
    {
      name: 'oracle-shares-nothing-with-the-engine',
      comment: 'A mistake that is in both is one that no case can show.',
      severity: 'error',
      from: { path: '^services/invoicing/src/oracle/', pathNot: '^services/invoicing/src/oracle/engine\\.ts$' },
      to: { path: '^(services/invoicing/src/(?!oracle/)|libs/(rules|money)/)' },
    },
    {
      name: 'oracle-asks-the-engine-in-one-file',
      severity: 'error',
      from: { path: '^services/invoicing/src/oracle/engine\\.ts$' },
      to: {
        path: '^(services/invoicing/src/(?!oracle/)|libs/rules/)',
        pathNot: '^services/invoicing/src/rating/(rate|rating-input|signature)\\.ts$',
      },
    },
    {
      name: 'oracle-is-asked-by-checks-only',
      severity: 'error',
      from: { pathNot: '(^services/invoicing/src/oracle/|\\.spec\\.ts$)' },
      to: { path: '(^services/invoicing/src/oracle/|node_modules/decimal\\.js/)' },
    },
    {
      name: 'tests-are-not-imported',
      severity: 'error',
      from: { pathNot: '(\\.spec\\.ts$|\\.contract\\.ts$|/testing/)' },
      to: { path: '(\\.spec\\.ts$|\\.contract\\.ts$|/testing/)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { conditionNames: ['tributary', 'import', 'node', 'default'], exportsFields: ['exports'] },
  },
};
