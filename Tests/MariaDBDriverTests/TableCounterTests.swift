import Testing

@testable import MariaDBDriver

/// A table's definition tells nothing of how many rows were put in.
struct TableCounterTests {
  @Test(arguments: [
    (
      ") ENGINE=InnoDB AUTO_INCREMENT=44 DEFAULT CHARSET=utf8mb4",
      ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    ),
    (") ENGINE=InnoDB AUTO_INCREMENT=9", ") ENGINE=InnoDB"),
    (") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"),
    ("", ""), (" AUTO_INCREMENT=", ""), ("AUTO_INCREMENT=1", "AUTO_INCREMENT=1"),
    // Of two the last one goes, whatever is in front.
    (" AUTO_INCREMENT=1 COMMENT=' AUTO_INCREMENT=2'", " AUTO_INCREMENT=1 COMMENT=''"),
    ("'größe' AUTO_INCREMENT=7 COMMENT='ö'", "'größe' COMMENT='ö'"),
    ("'größe' AUTO_INCREMENT 7", "'größe' AUTO_INCREMENT 7"),
  ])
  func `the counter of a definition is left out`(definition: String, expected: String) {
    #expect(MySQLConnection.withoutCounter(definition) == expected)
  }

  @Test(arguments: [("plain", "`plain`"), ("a`b", "`a``b`"), ("`", "````"), ("", "``")])
  func `a name is quoted, with its back quotes doubled`(name: String, expected: String) {
    #expect(MySQLText.quoted(name) == expected)
  }
}
