import Testing
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// What the server tells of itself to those who explain, validate and patch.
struct OpenAPITests {
  private static func server() -> SimulatedAPIServer {
    let now = Timestamp(milliseconds: 1_800_000_000_000)
    var server = SimulatedAPIServer(at: now)
    server.addAdministrator("admin", token: "t")
    let definition: JSONValue = [
      "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
      "metadata": ["name": "shops.example.com"],
      "spec": [
        "group": "example.com", "scope": "Namespaced",
        "names": ["plural": "shops", "kind": "Shop"],
        "versions": [
          [
            "name": "v1", "served": true, "storage": true,
            "schema": [
              "openAPIV3Schema": [
                "type": "object",
                "properties": [
                  "spec": [
                    "type": "object", "description": "What is wanted.",
                    "properties": ["size": ["type": "integer"]],
                  ]
                ],
              ]
            ],
          ]
        ],
      ],
    ]
    _ = ask(
      &server, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      definition.bytes)
    server.advance(to: now + .seconds(1))
    return server
  }

  private static func ask(
    _ server: inout SimulatedAPIServer, _ method: String, _ path: String, _ body: [UInt8] = [],
    accept: String = "application/json", type: String = "application/json"
  ) -> (status: Int, body: JSONValue) {
    let answer = server.respond(
      to: APIRequest(
        method: method, path: path,
        headers: [
          HTTPHeader("Authorization", "Bearer t"), HTTPHeader("Accept", accept),
          HTTPHeader("Content-Type", type), HTTPHeader("User-Agent", "test"),
        ], body: body), at: server.now)
    guard case .json(let value) = answer.body else { return (answer.status, .null) }
    return (answer.status, value)
  }

  @Test func `each group and version that the index names is described`() throws {
    var server = Self.server()
    let index = Self.ask(&server, "GET", "/openapi/v3").body
    let paths = try #require(index["paths"]?.object)
    #expect(paths.contains { $0.name == "apis/example.com/v1" })
    for path in paths {
      let url = try #require(path.value["serverRelativeURL"]?.string)
      let answer = Self.ask(&server, "GET", url)
      #expect(answer.status == 200, "\(url)")
      #expect(answer.body["openapi"] == "3.0.0")
    }
    #expect(Self.ask(&server, "GET", "/openapi/v3/apis/absent/v1").status == 404)
  }

  @Test func `a definition's own words are told, and a change of it changes the index`() throws {
    var server = Self.server()
    let document = Self.ask(&server, "GET", "/openapi/v3/apis/example.com/v1").body
    let schema = try #require(document.at("components", "schemas", "com.example.v1.Shop"))
    #expect(schema.at("properties", "spec", "description") == "What is wanted.")
    #expect(
      schema["x-kubernetes-group-version-kind"]
        == [["group": "example.com", "kind": "Shop", "version": "v1"]])
    let patch = try #require(
      document.at("paths", "/apis/example.com/v1/namespaces/{namespace}/shops/{name}", "patch"))
    #expect(patch["parameters"]?.elements.contains { $0["name"] == "fieldValidation" } ?? false)
    let content = patch.at("requestBody", "content")
    #expect(content?["application/apply-patch+yaml"] != nil)
    #expect(content?["application/strategic-merge-patch+json"] == nil)
    let link = { (server: inout SimulatedAPIServer) in
      Self.ask(&server, "GET", "/openapi/v3").body.at("paths", "apis/example.com/v1")
    }
    let before = link(&server)
    #expect(link(&server) == before)
    let change: JSONValue = [
      [
        "op": "add",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/colour",
        "value": ["type": "string"],
      ]
    ]
    let changed = Self.ask(
      &server, "PATCH",
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.example.com", change.bytes,
      type: "application/json-patch+json")
    #expect(changed.status == 200)
    #expect(link(&server) != before)
  }

  @Test func `the older form refers within itself, and the binary form is not to be had`() throws {
    var server = Self.server()
    let document = Self.ask(&server, "GET", "/openapi/v2").body
    #expect(document["swagger"] == "2.0")
    let definitions = try #require(document["definitions"])
    let references = document.text.matches(of: /"#\/definitions\/([^"]+)"/).map {
      String($0.output.1)
    }
    #expect(!references.isEmpty)
    #expect(references.allSatisfy { definitions[$0] != nil })
    let binary = Self.ask(
      &server, "GET", "/openapi/v2",
      accept: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
    #expect(binary.status == 406)
  }

  @Test func `a namespace is made from its binary form, and what is not known is refused`() {
    var server = Self.server()
    let field = { (number: UInt8, bytes: [UInt8]) in
      [number << 3 | 2, UInt8(bytes.count)] + bytes
    }
    let text = { (number: UInt8, text: String) in field(number, Array(text.utf8)) }
    let envelope = { (kind: String, content: [UInt8]) in
      Array("k8s\0".utf8) + field(1, text(1, "v1") + text(2, kind)) + field(2, content)
        + text(3, "") + text(4, "")
    }
    let binary = "application/vnd.kubernetes.protobuf"
    // A name, an empty time, a label, and one of the many empty fields that Go writes.
    let metadata =
      text(1, "made") + text(2, "") + field(8, [])
      + field(11, text(1, "team") + text(2, "shop"))
    let made = Self.ask(
      &server, "POST", "/api/v1/namespaces",
      envelope("Namespace", field(1, metadata) + field(2, []) + field(3, text(1, ""))),
      type: binary)
    #expect(made.status == 201)
    #expect(made.body.at("metadata", "labels", "team") == "shop")
    let unknown = Self.ask(
      &server, "POST", "/api/v1/namespaces",
      envelope("Namespace", field(1, text(1, "other") + text(15, "what"))), type: binary)
    #expect(unknown.status == 400)
    #expect(unknown.body["message"]?.string?.contains("field 15 of ObjectMeta") ?? false)
    for body in [[], Array("k8s\0".utf8) + [0x0A, 0xFF], envelope("Unheard", [])] as [[UInt8]] {
      #expect(Self.ask(&server, "POST", "/api/v1/namespaces", body, type: binary).status == 400)
    }
  }
}
