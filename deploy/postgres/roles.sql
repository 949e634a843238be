-- The roles and schemas of an installation, before `handsel migrate` runs for the first time:
--
--   psql --dbname handsel --file roles.sql
--
-- `handsel_owner` owns the tables and is for `handsel migrate` and `handsel audit` alone. Each application has a
-- role that reads and writes rows of its own schema: it can neither see another service's, nor change a table,
-- nor put away the triggers that keep money as it was written. Roles get no password here; give them one
-- (\password giveaway_app), or let pg_hba.conf know them otherwise.

DO $$
DECLARE
  service text;
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['handsel_owner', 'giveaway_app', 'giftcard_app', 'processor_app'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      -- It is there already, or another session makes it now.
      NULL;
    END;
  END LOOP;

  FOREACH service IN ARRAY ARRAY['giveaway', 'giftcard', 'processor'] LOOP
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION handsel_owner', service);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', service);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, service || '_app');
    -- For the tables that migrations will make, and for those that they have made.
    EXECUTE format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE handsel_owner IN SCHEMA %I'
      ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', service, service || '_app');
    EXECUTE format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE handsel_owner IN SCHEMA %I'
      ' GRANT USAGE ON SEQUENCES TO %I', service, service || '_app');
    EXECUTE format(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', service, service || '_app');
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %I', service, service || '_app');
  END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
