import { Module } from '@nestjs/common';
import { type ServiceDefinition } from '#libs/platform/service';
import { ContractController } from './contract/contract.controller.ts';
import { ContractListController } from './contract-list/contract-list.controller.ts';
import { contractList } from './contract-list/contract-list.projection.ts';
import { contractScheduler } from './scheduler.ts';
import { VersionHistoryController } from './version-history/version-history.controller.ts';
import { versionHistory } from './version-history/version-history.projection.ts';

@Module({ controllers: [ContractController, ContractListController, VersionHistoryController] })
class ContractsModule {}

export const contractsService: ServiceDefinition = {
  name: 'contracts',
  module: ContractsModule,
  projections: [contractList, versionHistory],
  consumers: () => [],
  background: (platform) => [contractScheduler(platform)],
};
