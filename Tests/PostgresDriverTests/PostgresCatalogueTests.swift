import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

struct PostgresCatalogueTests {
  private static let schema = """
    CREATE TYPE mood AS ENUM ('ok', 'sad');
    CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
    CREATE TABLE child (
      a int NOT NULL, b varchar(10) DEFAULT 'x', c numeric CHECK (c > 0), m mood,
      d int GENERATED ALWAYS AS (a * 2) STORED,
      p bigint REFERENCES parent ON DELETE CASCADE, PRIMARY KEY (b, a));
    CREATE INDEX child_by_a ON child (a DESC, lower(b)) WHERE a > 3;
    CREATE VIEW seen AS SELECT a FROM child;
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER noted BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION noted();
    CREATE SCHEMA app; CREATE TABLE app.more (x int);
    INSERT INTO parent (name) VALUES ('a'), ('b');
    """

  @Test func `everything that a server may rest on is read`() throws {
    let connection = try PostgresConnection(
      PostgresOptions(url: PostgresServer.shared.makeDatabase()))
    try connection.run(script: Self.schema)
    let catalogue = try connection.catalogue(PostgresLedger(), countsRows: true)
    #expect(catalogue.tables.map(\.name) == ["app.more", "child", "parent"])
    #expect(catalogue.tables[2].rows == 2)
    let child = catalogue.tables[1]
    #expect(child.columns.map(\.name) == ["a", "b", "c", "m", "d", "p"])
    #expect(child.columns[1].type == "character varying(10)")
    #expect(child.columns[1].defaultValue == "'x'::character varying")
    #expect(child.columns.map(\.keyPosition) == [2, 1, 0, 0, 0, 0])
    #expect(child.columns[0].isNotNull)
    #expect(child.columns[4].generation == "generated and stored as (a * 2)")
    #expect(
      child.foreignKeys == [
        CatalogueForeignKey(
          columns: ["p"], parent: "parent", parentColumns: ["id"], onUpdate: "NO ACTION",
          onDelete: "CASCADE")
      ])
    #expect(child.checks == ["CHECK ((c > (0)::numeric))"])
    let index = try #require(child.indexes.first { $0.name == "child_by_a" })
    #expect(index.columns == ["a DESC", "lower(b::text)"])
    #expect(index.predicate == "(a > 3)")
    #expect(catalogue.tables[2].columns[0].generation == "identity, always")
    let objects = catalogue.objects.map { "\($0.kind) \($0.name)" }
    #expect(
      objects == [
        "enum mood", "function noted()", "sequence parent_id_seq", "trigger child.noted",
        "view seen",
      ])
  }

  @Test func `what changes is told by name`() throws {
    let connection = try PostgresConnection(
      PostgresOptions(url: PostgresServer.shared.makeDatabase()))
    try connection.run(script: Self.schema)
    let before = try connection.catalogue(PostgresLedger(), countsRows: false)
    try connection.run(
      script: """
        ALTER TABLE child DROP c, ALTER p TYPE int;
        ALTER TYPE mood ADD VALUE 'mad'; DROP VIEW seen
        """)
    let after = try connection.catalogue(PostgresLedger(), countsRows: false)
    let kinds = Set(before.differences(to: after).map(\.kind))
    #expect(kinds.isSuperset(of: [.columnRemoved, .columnTypeChanged, .objectChanged]))
    #expect(kinds.contains(.objectRemoved))
    #expect(before.differences(to: before).isEmpty)
  }
}
