import { Module } from '@nestjs/common';
import { tenantTree } from '#libs/access-policy/tenant-tree.projection';
import { type Platform, type ServiceDefinition } from '#libs/platform/service';
import { UsageEngineConfiguration } from '#libs/platform/usage-engine';
import { DataSourceController } from './data-source/data-source.controller.ts';
import { dataSources } from './data-source/data-sources.projection.ts';
import { ImportController } from './import/import.controller.ts';
import { ImportService } from './import/import-service.ts';
import { imports } from './import/imports.projection.ts';
import { keptFiles } from './import/kept-files.ts';
import { onImportFinished } from './reactions/on-import-finished.ts';
import { SourceHealthConfiguration } from './source-health/source-health-configuration.ts';
import { HealthWatch } from './source-health/health-watch.ts';
import { SourceHealthController } from './source-health/source-health.controller.ts';
import { accountLinks, automaticLinks, usedAccounts } from './source-health/source-health.projection.ts';

@Module({ controllers: [DataSourceController, ImportController, SourceHealthController] })
class IngestionModule {}

const services = new WeakMap<Platform, ImportService>();
const serviceOf = (platform: Platform): ImportService => {
  const service = services.get(platform) ?? new ImportService(platform);
  services.set(platform, service);
  return service;
};

const watches = new WeakMap<Platform, HealthWatch>();
const watchOf = (platform: Platform): HealthWatch => {
  const watch = watches.get(platform) ?? new HealthWatch(platform);
  watches.set(platform, watch);
  return watch;
};

export const ingestionService: ServiceDefinition = {
  name: 'ingestion',
  module: IngestionModule,
  configuration: [UsageEngineConfiguration, SourceHealthConfiguration],
  providers: (platform) => [{ provide: ImportService, useFactory: () => serviceOf(platform) }],
  projections: [tenantTree, dataSources, imports, accountLinks, automaticLinks, usedAccounts],
  consumers: (platform) => [onImportFinished(platform.store), watchOf(platform).consumer()],
  files: keptFiles,
  background: (platform) => {
    const service = serviceOf(platform);
    return [
      {
        name: 'ingestion.imports',
        run: (signal) => service.run(signal),
        wake: () => {
          service.worker.wake();
        },
        idle: () => service.idle(),
        troubles: () => service.troubles(),
      },
      ...watchOf(platform).background(),
    ];
  },
};
